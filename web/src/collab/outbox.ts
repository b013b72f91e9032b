// The edits of one copy of a document that are not durable yet, in order (W8). Pure: it neither sends nor keeps.
import { mergeUpdates } from 'yjs'

/** One edit as it is sent: `client` is the Yjs client whose items it brings, `n` its number (W1). */
export interface Edit {
  readonly client: number
  readonly n: number
  readonly update: Uint8Array
}

/** At most so many edits wait for their acknowledgement at once. */
const IN_FLIGHT = 16

/** Local updates that may still grow: nobody else has seen them, neither the server nor the browser's store. */
interface Tail {
  client: number
  updates: Uint8Array[]
}

/**
 * The newest updates gather in a *tail*. Sending or keeping closes it into an edit, whose bytes never change again:
 * another tab may already have sent what was kept, and the server judges a retry by its number alone (W3).
 */
export class Outbox {
  #edits: Edit[] = []
  #inFlight = 0
  #tail: Tail | undefined
  readonly #lastN = new Map<number, number>()
  /** Acknowledged as part of an entry that the cursor has not reached (D2). */
  #held: { edit: Edit; seq: number }[] = []

  /** Edits not durable yet, the tail counted as one. */
  get waiting(): number {
    return this.#edits.length + (this.#tail ? 1 : 0)
  }

  /** All closed edits, the oldest first. */
  get edits(): readonly Edit[] {
    return this.#edits
  }

  /** Takes over waiting edits of earlier pages. They go first, under their own writer and number. */
  adopt(edits: readonly Edit[]): void {
    this.#edits.push(...edits)
    for (const { client, n } of edits) this.#lastN.set(client, Math.max(n, this.#lastN.get(client) ?? 0))
  }

  /** Adds what one local transaction of Yjs client `client` brought. */
  add(client: number, update: Uint8Array): void {
    if (this.#tail?.client === client) {
      this.#tail.updates.push(update)
      return
    }
    this.close()
    this.#tail = { client, updates: [update] }
  }

  /** Closes the tail into an edit. */
  close(): void {
    if (!this.#tail) return
    const { client, updates } = this.#tail
    const n = (this.#lastN.get(client) ?? 0) + 1
    this.#tail = undefined
    this.#lastN.set(client, n)
    this.#edits.push({ client, n, update: updates.length === 1 ? updates[0]! : mergeUpdates(updates) })
  }

  /** The next edit to send, if one may be sent now. */
  next(): Edit | undefined {
    if (this.#inFlight >= IN_FLIGHT) return undefined
    if (this.#inFlight === this.#edits.length) this.close()
    const edit = this.#edits[this.#inFlight]
    if (edit) this.#inFlight += 1
    return edit
  }

  /** Forgets a durable edit. False if it was not waiting any more. */
  acknowledged(edit: Edit): boolean {
    const at = this.#edits.indexOf(edit)
    if (at < 0) return false
    this.#edits.splice(at, 1)
    if (at < this.#inFlight) this.#inFlight -= 1
    return true
  }

  /** Keeps an acknowledged edit until the cursor is at `seq`: an older backup, restored before, would lack it. */
  hold(edit: Edit, seq: number): void {
    this.#held.push({ edit, seq })
  }

  get holds(): boolean {
    return this.#held.length > 0
  }

  /** Gives up what is held and lies behind the cursor, which is at `seq`. */
  settled(seq: number): Edit[] {
    const behind = this.#held.filter((held) => held.seq <= seq)
    this.#held = this.#held.filter((held) => held.seq > seq)
    return behind.map(({ edit }) => edit)
  }

  /** What is held waits again, before all else: the log that is opened next may lack it. */
  sendHeldAgain(): void {
    this.#edits.unshift(...this.#held.map(({ edit }) => edit))
    this.#held = []
  }

  isOldest(edit: Edit): boolean {
    return this.#edits[0] === edit
  }

  /** Nothing counts as sent: `next` begins again with the oldest. */
  rewind(): void {
    this.#inFlight = 0
  }

  /** Takes everything out, the tail included. */
  drain(): Edit[] {
    this.close()
    this.rewind()
    return this.#edits.splice(0)
  }
}
