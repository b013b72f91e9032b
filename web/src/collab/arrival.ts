// What the server sends of one document: keeps the cursor (D2), confirms (D6), and applies updates to the Y.Doc.
import * as Y from 'yjs'
import type { LiveSocket } from './connection'
import { onNextFrame } from './frame'
import {
  bytesOf,
  readUpdates,
  type Binary,
  type Cursor,
  type EditAnswer,
  type EditsMessage,
  type OpenAnswer,
  type SnapshotMessage,
} from './wire'

const CONFIRM_BYTES = 64 * 1024
const CONFIRM_AFTER_MS = 200
const CONFIRM_EVERY_MS = 5_000

export interface ArrivalEvents {
  /** Something is missing: the document must be opened again. */
  gap(): void
  /** A share of a long document has arrived, 0 to 1. */
  progress(share: number): void
  /** A long document is here up to where its log ended when it was opened. */
  complete(): void
  /** The cursor moved from `after` by these updates, acknowledged bytes all of them. */
  moved(after: Cursor | undefined, cursor: Cursor, updates: readonly Uint8Array[]): void
}

export class Arrival {
  /** What this copy has of the log. */
  cursor: Cursor | undefined
  readonly #doc: Y.Doc
  readonly #socket: LiveSocket
  readonly #document: string
  readonly #events: ArrivalEvents
  /** Frames count only between the answer to `open` and the next `open`: those before belong to the opening before. */
  #listening = false
  #parts: Uint8Array[] | undefined
  /** While a long document arrives: where its log ended when it was opened. */
  #head: number | undefined
  /** Arrived, and not in the Y.Doc yet. */
  #updates: Uint8Array[] = []
  /** Our own edits, durable, in an entry that the cursor has not passed yet. */
  #own: Uint8Array[] = []
  #stopFrame: (() => void) | undefined
  #unconfirmedBytes = 0
  #confirmSoon: ReturnType<typeof setTimeout> | undefined
  #confirmOften: ReturnType<typeof setInterval> | undefined

  constructor(socket: LiveSocket, document: string, doc: Y.Doc, events: ArrivalEvents) {
    this.#socket = socket
    this.#document = document
    this.#doc = doc
    this.#events = events
  }

  /** Takes the answer to `open`. False if it is not all: the rest follows in parts, and as ordinary edits. */
  open(answer: OpenAnswer): boolean {
    this.#listening = true
    this.#confirmOften = setInterval(() => this.#confirm(), CONFIRM_EVERY_MS)
    this.#received(0)
    this.#head = answer.parts !== undefined || answer.seq < answer.head ? answer.head : undefined
    if (answer.parts !== undefined) {
      this.#parts = []
      return false
    }
    const snapshot = answer.snapshot === undefined ? [] : [bytesOf(answer.snapshot)]
    this.#take([...snapshot, ...readUpdates(answer.updates)], answer)
    this.apply()
    return this.#head === undefined
  }

  /** The link is gone, or the document is about to be opened again. */
  stop(): void {
    this.#listening = false
    this.#parts = this.#head = undefined
    this.#unconfirmedBytes = 0
    clearTimeout(this.#confirmSoon)
    clearInterval(this.#confirmOften)
    this.#confirmSoon = undefined
    this.apply()
  }

  edits({ from, seq, tag }: EditsMessage, binary: Binary): void {
    if (!this.#listening) return
    if (this.#isNext(from, seq)) {
      this.#take(readUpdates(binary), { seq, tag })
      this.#stopFrame ??= onNextFrame(() => this.apply())
      this.#tellProgress()
    }
    this.#received(bytesOf(binary).length)
  }

  /**
   * One of our own edits is durable. If its entry is wholly ours, the acknowledgement of the entry's last edit is all
   * that announces it, and moves the cursor past every edit of it.
   */
  acknowledged({ from, seq, tag }: EditAnswer, update: Uint8Array): void {
    if (!this.#listening) return
    this.#own.push(update)
    if (from === undefined || seq === undefined || tag === undefined) return
    if (this.#isNext(from, seq)) this.#moveTo({ seq, tag }, [])
  }

  snapshot({ part, parts, seq, tag }: SnapshotMessage, binary: Binary): void {
    if (!this.#listening) return
    if (part === 0) this.#parts = []
    if (this.#parts?.length !== part) return this.#events.gap()
    this.#parts.push(bytesOf(binary))
    this.#head ??= seq
    if (part + 1 < parts) {
      this.#events.progress(((part + 1) / parts) * Math.min(seq / this.#head, 1))
    } else {
      this.#take([concatenated(this.#parts)], { seq, tag })
      this.#parts = undefined
      this.#tellProgress()
    }
    this.#received(bytesOf(binary).length)
  }

  /** Applies what has arrived, as one transaction. */
  apply(): void {
    this.#stopFrame?.()
    this.#stopFrame = undefined
    if (this.#updates.length === 0) return
    applyRemote(this.#doc, this.#updates.splice(0))
  }

  #tellProgress(): void {
    const seq = this.cursor?.seq ?? 0
    if (this.#head === undefined) return
    if (seq < this.#head) return this.#events.progress(seq / this.#head)
    this.#head = undefined
    this.apply()
    this.#events.complete()
  }

  #take(updates: readonly Uint8Array[], cursor: Cursor): void {
    this.#updates.push(...updates)
    this.#moveTo(cursor, updates)
  }

  #moveTo({ seq, tag }: Cursor, updates: readonly Uint8Array[]): void {
    const after = this.cursor?.seq ? this.cursor : undefined
    this.cursor = { seq, tag }
    if (seq !== (after?.seq ?? 0))
      this.#events.moved(after, this.cursor, [...this.#own.splice(0), ...updates])
  }

  /** D2. True if what came is new and nothing before it is missing. */
  #isNext(from: number, seq: number): boolean {
    const at = this.cursor?.seq ?? 0
    if (seq <= at) return false
    if (from > at) {
      // While parts arrive the cursor stands still on purpose.
      if (!this.#parts) this.#events.gap()
      return false
    }
    return true
  }

  #received(bytes: number): void {
    if (!this.#listening) return
    this.#unconfirmedBytes += bytes
    clearTimeout(this.#confirmSoon)
    if (this.#unconfirmedBytes >= CONFIRM_BYTES) this.#confirm()
    else this.#confirmSoon = setTimeout(() => this.#confirm(), CONFIRM_AFTER_MS)
  }

  #confirm(): void {
    this.#unconfirmedBytes = 0
    const seq = this.cursor?.seq ?? 0
    const part = this.#parts?.length
    this.#socket.emit('confirm', { doc: this.#document, seq, ...(part === undefined ? {} : { part }) })
  }
}

/** Applies updates that this page did not make; they are nothing to send. */
export function applyRemote(doc: Y.Doc, updates: readonly Uint8Array[]): void {
  Y.transact(doc, () => updates.forEach((update) => Y.applyUpdate(doc, update, 'remote')), 'remote', false)
}

function concatenated(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
