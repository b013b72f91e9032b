// What the browser keeps of documents (D5): per person and document a snapshot of acknowledged bytes with its cursor,
// the edits that wait, and copies set aside. This file is the interface and its form in memory; it touches no disk.
import type { Edit } from './outbox'
import type { Cursor, DocumentRow } from './wire'

/** Whose copy of which document. */
export interface CopyId {
  person: string
  document: string
}

/** What the page showed last, so that a document can open before the server answers. */
export type DocumentFacts = Pick<DocumentRow, 'title' | 'kind' | 'role' | 'trashed'>

/** The acknowledged state of a document at `cursor`. */
export interface Snapshot {
  cursor: Cursor
  state: Uint8Array
  facts: DocumentFacts
}

/** Something that is no part of the document any more and that the person can open and copy from (L7, D3). */
export interface Aside {
  /** Milliseconds since 1970; also its key. */
  at: number
  /** `history`, or the code of the refusal. */
  why: string
  title: string
  /** The words to show and to copy. */
  text: string
  /** The whole old copy, where it is one (L7). */
  state?: Uint8Array
}

export interface Kept {
  /** Survives closing the page. */
  readonly lasting: boolean
  load(copy: CopyId): Promise<{ snapshot: Snapshot | undefined; waiting: Edit[] }>
  /** Adds waiting edits, in order; an edit is kept once and never changed. */
  add(copy: CopyId, edits: readonly Edit[]): Promise<void>
  /** Removes edits that became durable. */
  remove(copy: CopyId, edits: readonly Edit[]): Promise<void>
  /** Puts rewritten edits in the place of all that waited, at once (W2). */
  rewrite(copy: CopyId, edits: readonly Edit[]): Promise<void>
  /** Replaces the snapshot unless the one there has a larger cursor. */
  save(copy: CopyId, snapshot: Snapshot): Promise<void>
  /** Sets `aside` aside and forgets the edits it holds, in one step; the snapshot too if it belongs to another history. */
  setAside(copy: CopyId, aside: Aside, edits: readonly Edit[], forget: { snapshot: boolean }): Promise<void>
  asides(copy: CopyId): Promise<Aside[]>
  discard(copy: CopyId, aside: Aside): Promise<void>
  /** Forgets the snapshot: the person may not see the document any more. */
  forgetSnapshot(copy: CopyId): Promise<void>
  /** How many edits of this person wait, over all documents. */
  countWaiting(person: string): Promise<number>
  /** Forgets everything of this person: they sign out here. */
  forget(person: string): Promise<void>
}

interface MemoryCopy {
  snapshot: Snapshot | undefined
  waiting: Edit[]
  asides: Aside[]
}

/** Keeps until the page or the process ends: for programs, tests, and browsers that refuse to store. */
export class KeptInMemory implements Kept {
  readonly lasting = false
  readonly #copies = new Map<string, MemoryCopy>()

  async load(copy: CopyId): Promise<{ snapshot: Snapshot | undefined; waiting: Edit[] }> {
    const { snapshot, waiting } = this.#of(copy)
    return { snapshot, waiting: [...waiting] }
  }

  async add(copy: CopyId, edits: readonly Edit[]): Promise<void> {
    this.#of(copy).waiting.push(...edits)
  }

  async remove(copy: CopyId, edits: readonly Edit[]): Promise<void> {
    const kept = this.#of(copy)
    kept.waiting = without(kept.waiting, edits)
  }

  async rewrite(copy: CopyId, edits: readonly Edit[]): Promise<void> {
    this.#of(copy).waiting = [...edits]
  }

  async save(copy: CopyId, snapshot: Snapshot): Promise<void> {
    const kept = this.#of(copy)
    if (!supersedes(snapshot, kept.snapshot)) return
    kept.snapshot = snapshot
  }

  async setAside(
    copy: CopyId,
    aside: Aside,
    edits: readonly Edit[],
    forget: { snapshot: boolean },
  ): Promise<void> {
    const kept = this.#of(copy)
    kept.asides.push(aside)
    kept.waiting = without(kept.waiting, edits)
    if (forget.snapshot) kept.snapshot = undefined
  }

  async asides(copy: CopyId): Promise<Aside[]> {
    return [...this.#of(copy).asides]
  }

  async discard(copy: CopyId, aside: Aside): Promise<void> {
    const kept = this.#of(copy)
    kept.asides = kept.asides.filter(({ at }) => at !== aside.at)
  }

  async forgetSnapshot(copy: CopyId): Promise<void> {
    this.#of(copy).snapshot = undefined
  }

  async countWaiting(person: string): Promise<number> {
    return this.#keysOf(person).reduce((sum, key) => sum + this.#copies.get(key)!.waiting.length, 0)
  }

  async forget(person: string): Promise<void> {
    for (const key of this.#keysOf(person)) this.#copies.delete(key)
  }

  #of({ person, document }: CopyId): MemoryCopy {
    const key = `${person}/${document}`
    let copy = this.#copies.get(key)
    if (!copy) this.#copies.set(key, (copy = { snapshot: undefined, waiting: [], asides: [] }))
    return copy
  }

  #keysOf(person: string): string[] {
    return [...this.#copies.keys()].filter((key) => key.startsWith(`${person}/`))
  }
}

/** D5: only a larger cursor replaces a snapshot. */
export function supersedes(snapshot: Snapshot, old: Snapshot | undefined): boolean {
  return old === undefined || snapshot.cursor.seq >= old.cursor.seq
}

function without(waiting: readonly Edit[], edits: readonly Edit[]): Edit[] {
  return waiting.filter(({ client, n }) => !edits.some((edit) => edit.client === client && edit.n === n))
}
