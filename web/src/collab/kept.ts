// What the browser keeps of documents (D5): per person and document the log as far as it was acknowledged, the edits
// that wait, and copies set aside. This file is the interface and its form in memory; it touches no disk.
import type { Edit } from './outbox'
import type { Cursor, DocumentRow } from './wire'

/** Whose copy of which document. */
export interface CopyId {
  person: string
  document: string
}

/** What the page showed last, so that a document can open before the server answers. */
export type DocumentFacts = Pick<DocumentRow, 'title' | 'kind' | 'role' | 'trashed'>

/**
 * A stretch of a document's log, acknowledged bytes only: what came after `after`, up to `cursor`.
 * With nothing before it, it is a beginning: a snapshot.
 */
export interface Stretch {
  after: Cursor | undefined
  cursor: Cursor
  updates: Uint8Array[]
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

/** One step of a copy; all of it or nothing. */
export interface Step {
  /** Edits that wait from now on, in order. An edit is kept once and never changed. */
  waiting?: readonly Edit[]
  /** Edits that became durable, or were set aside. */
  done?: readonly Edit[]
  /** The log went on. */
  stretch?: Stretch | undefined
  /** A beginning that stands for all stretches up to its cursor. */
  snapshot?: Stretch | undefined
  aside?: Aside
  /** The log is forgotten: it belongs to another history, or the person may not see it any more. */
  forgetLog?: boolean
}

export interface Kept {
  /** Survives closing the page. */
  readonly lasting: boolean
  load(copy: CopyId): Promise<{ log: Stretch[]; waiting: Edit[] }>
  write(copy: CopyId, step: Step): Promise<void>
  asides(copy: CopyId): Promise<Aside[]>
  discard(copy: CopyId, aside: Aside): Promise<void>
  /** How many edits of this person wait, over all documents. */
  countWaiting(person: string): Promise<number>
  /** Forgets everything of this person: they sign out here. */
  forget(person: string): Promise<void>
}

/**
 * The longest log that these stretches make: the newest beginning, and what continues it exactly. Several tabs write
 * stretches, even of several histories; only equal tags prove that one continues the other (L7).
 */
export function chained(stretches: readonly Stretch[]): Stretch[] {
  const log: Stretch[] = []
  for (;;) {
    const at = log.at(-1)?.cursor
    const next = stretches
      .filter(
        ({ after, cursor }) =>
          after?.seq === at?.seq && after?.tag === at?.tag && cursor.seq > (at?.seq ?? 0),
      )
      .reduce<Stretch | undefined>(
        (best, some) => (best && best.cursor.seq >= some.cursor.seq ? best : some),
        undefined,
      )
    if (!next) return log
    log.push(next)
  }
}

interface MemoryCopy {
  stretches: Stretch[]
  waiting: Edit[]
  asides: Aside[]
}

/** Keeps until the page or the process ends: for programs, tests, and browsers that refuse to store. */
export class KeptInMemory implements Kept {
  readonly lasting = false
  readonly #copies = new Map<string, MemoryCopy>()

  async load(copy: CopyId): Promise<{ log: Stretch[]; waiting: Edit[] }> {
    const { stretches, waiting } = this.#of(copy)
    return { log: chained(stretches), waiting: [...waiting] }
  }

  async write(
    copy: CopyId,
    { waiting = [], done = [], stretch, snapshot, aside, forgetLog }: Step,
  ): Promise<void> {
    const kept = this.#of(copy)
    const isDone = ({ client, n }: Edit): boolean =>
      done.some((edit) => edit.client === client && edit.n === n)
    kept.waiting = [...kept.waiting.filter((edit) => !isDone(edit)), ...waiting]
    if (forgetLog) kept.stretches = []
    if (stretch) kept.stretches.push(stretch)
    if (snapshot) {
      kept.stretches = kept.stretches.filter(({ cursor }) => cursor.seq > snapshot.cursor.seq)
      kept.stretches.push(snapshot)
    }
    if (aside) kept.asides.push(aside)
  }

  async asides(copy: CopyId): Promise<Aside[]> {
    return [...this.#of(copy).asides]
  }

  async discard(copy: CopyId, aside: Aside): Promise<void> {
    const kept = this.#of(copy)
    kept.asides = kept.asides.filter(({ at }) => at !== aside.at)
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
    if (!copy) this.#copies.set(key, (copy = { stretches: [], waiting: [], asides: [] }))
    return copy
  }

  #keysOf(person: string): string[] {
    return [...this.#copies.keys()].filter((key) => key.startsWith(`${person}/`))
  }
}
