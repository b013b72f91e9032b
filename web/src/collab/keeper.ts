// Writes one copy's steps to what the browser keeps: gathered, in order, each whole or not at all (D5).
import type { Aside, CopyId, DocumentFacts, Kept, Step, Stretch } from './kept'
import type { Edit, Outbox } from './outbox'
import type { Cursor } from './wire'

/** Waiting edits are kept at the latest after so long; a good link has made them durable by then. */
const KEEP_AFTER_MS = 300
/** So many stretches, or so many bytes, are then made into one snapshot. */
const SNAPSHOT_AFTER = { stretches: 100, bytes: 256 * 1024 }

export interface KeeperEvents {
  /** The whole copy as one stretch, if it is made of acknowledged bytes only now. */
  snapshot(): Stretch | undefined
  /** The browser refused to store. */
  failed(): void
}

export class Keeper {
  readonly #kept: Kept
  readonly #copy: CopyId
  readonly #outbox: Outbox
  readonly #events: KeeperEvents
  readonly #keptEdits = new WeakSet<Edit>()
  #done: Edit[] = []
  #stretch: Stretch | undefined
  #stretches = 0
  #bytes = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(kept: Kept, copy: CopyId, outbox: Outbox, events: KeeperEvents) {
    this.#kept = kept
    this.#copy = copy
    this.#outbox = outbox
    this.#events = events
  }

  /** What is kept of this copy. The outbox takes over the edits that wait. */
  async load(): Promise<{ log: Stretch[]; waiting: Edit[] }> {
    try {
      const { log, waiting } = await this.#kept.load(this.#copy)
      waiting.forEach((edit) => this.#keptEdits.add(edit))
      this.#stretches = log.length
      return { log, waiting }
    } catch {
      this.#events.failed()
      return { log: [], waiting: [] }
    }
  }

  /** Something waits that may have to be kept. */
  soon(): void {
    this.#timer ??= setTimeout(() => void this.keep(), KEEP_AFTER_MS)
  }

  acknowledged(edit: Edit): void {
    if (!this.#keptEdits.delete(edit)) return
    this.#done.push(edit)
    this.soon()
  }

  /** The copy's cursor moved from `after` to `cursor` by these acknowledged updates. */
  moved(
    after: Cursor | undefined,
    cursor: Cursor,
    updates: readonly Uint8Array[],
    facts: DocumentFacts,
  ): void {
    this.#bytes += updates.reduce((sum, { length }) => sum + length, 0)
    const stretch = this.#stretch ?? { after, cursor, updates: [], facts }
    this.#stretch = { ...stretch, cursor, updates: [...stretch.updates, ...updates], facts }
    this.soon()
  }

  /** Keeps at once whatever is not kept yet. */
  async keep(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#outbox.close()
    const waiting = this.#outbox.edits.filter((edit) => !this.#keptEdits.has(edit))
    const [done, stretch] = [this.#done, this.#stretch]
    if (waiting.length === 0 && done.length === 0 && !stretch) return
    waiting.forEach((edit) => this.#keptEdits.add(edit))
    this.#done = []
    this.#stretch = undefined
    if (stretch) this.#stretches += 1
    await this.#write({ waiting, done, stretch, snapshot: this.#snapshotIfDue() })
  }

  /** Forgets the waiting edits that `aside` holds, and the log if it is told to, in one step. */
  setAside(
    aside: Aside | undefined,
    edits: readonly Edit[],
    { forgetLog }: { forgetLog: boolean },
  ): Promise<void> {
    const stretch = forgetLog ? undefined : this.#stretch
    return this.#write({ done: [...this.#done, ...edits], stretch, ...(aside && { aside }), forgetLog })
  }

  /** Puts rewritten edits in the place of those that waited (W2). */
  rewrite(old: readonly Edit[], anew: readonly Edit[]): Promise<void> {
    return this.#write({ done: [...this.#done, ...old], waiting: anew, stretch: this.#stretch })
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #snapshotIfDue(): Stretch | undefined {
    if (this.#stretches < SNAPSHOT_AFTER.stretches && this.#bytes < SNAPSHOT_AFTER.bytes) return undefined
    const snapshot = this.#events.snapshot()
    if (snapshot) this.#stretches = this.#bytes = 0
    return snapshot
  }

  async #write(step: Step): Promise<void> {
    try {
      await this.#kept.write(this.#copy, step)
    } catch {
      this.#events.failed()
    }
  }
}
