// One writer's copy of one document, kept over connections: its cursor, and the edits that wait.
// Written from the rules (W8, D2, D3, D6, L7), not from the page's own provider, whose witness it is.
import * as Y from 'yjs'
import type { Connection, WireError } from './connection'

/** A place in a document's log. */
export interface Cursor {
  seq: number
  tag: string
}

/** The answer to `open`. */
export interface Opened extends Cursor {
  doc: string
  title: string
  kind: 'rich' | 'text'
  role: string
  schema: number
  window: number
  head: number
  connection: number
  history?: 'changed'
  snapshot?: Uint8Array
  parts?: number
  updates: Uint8Array
  present: { connection: number; person: { id: string; name: string }; state: unknown }[]
}

interface Frame extends Cursor {
  doc: string
  from: number
}

type Answer = Partial<Frame> & { error?: WireError }

/** Whether an acknowledgement is also the only message of an entry (D2). */
const isMove = (answer: Answer): answer is Frame => answer.from !== undefined

/** What a copy tells whoever made it. All are called in the order of the wire. */
export interface Watch {
  /** Updates that the server showed, in the log's order, our own among them. */
  shown?: (updates: Uint8Array[]) => void
  /** A whole state that the server showed instead of updates. */
  snapshot?: (bytes: Uint8Array) => void
  /** The server says that edit `n` is durable. */
  saved?: (n: number) => void
  /** An edit was refused in a way that sending again does not mend (D3). */
  refused?: (n: number, error: WireError) => void
}

const inFlightMax = 16
const confirmBytes = 64 * 1024
const confirmQuietMs = 200
const confirmEveryMs = 5_000

/** One update after the other, each behind its length. */
export function* unpack(bytes: Uint8Array): Generator<Uint8Array> {
  let at = 0
  while (at < bytes.length) {
    let length = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]!
      length += (byte & 127) * scale
      if (byte < 128) break
    }
    yield bytes.subarray(at, at + length)
    at += length
  }
}

/** A number for a new writer, as Yjs draws it. */
export const newWriter = () => (Math.random() * 2 ** 32) >>> 0

export class Copy {
  readonly doc: string
  readonly writer: number
  cursor: Cursor | undefined
  /** Faults of the stream that a client survives, counted so that a test can forbid them. */
  readonly gaps = { frames: 0, repeats: 0 }
  /** Whether what arrived is confirmed; a reader that has stopped does not. */
  confirms = true
  /** How many edits were made so far: the last one's `n`. */
  made = 0

  #watch: Watch
  #connection: Connection | undefined
  /** Edits that are not acknowledged, oldest first. */
  #waiting: { n: number; update: Uint8Array }[] = []
  /** How many of them were sent on this connection and not answered. */
  #inFlight = 0
  #sentUpTo = 0
  #held = false
  #parts: Uint8Array[] | undefined
  #unconfirmedBytes = 0
  #timer: NodeJS.Timeout | undefined
  #idle: (() => void)[] = []

  constructor(doc: string, watch: Watch = {}, writer = newWriter()) {
    this.doc = doc
    this.writer = writer
    this.#watch = watch
  }

  /** How many edits wait for their acknowledgement. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Opens the document on this connection, from where the copy is, and sends again what waits. */
  async attach(connection: Connection): Promise<Opened> {
    this.detach()
    this.#connection = connection
    this.#inFlight = this.#sentUpTo = 0
    this.#held = false
    this.#parts = undefined
    connection.socket.on('edits', (frame: Frame, bytes: Uint8Array) => {
      if (frame.doc === this.doc && connection === this.#connection) this.#frame(frame, bytes)
    })
    connection.socket.on(
      'snapshot',
      (part: Cursor & { doc: string; part: number; parts: number }, bytes: Uint8Array) => {
        if (part.doc === this.doc && connection === this.#connection) this.#part(part, bytes)
      },
    )
    connection.socket.once('disconnect', () => connection === this.#connection && this.detach())
    return this.#open()
  }

  /** Forgets the connection (and leaves it open). */
  detach(): void {
    clearTimeout(this.#timer)
    this.#connection = undefined
  }

  /** Hands over an update; it is sent when its turn comes. Its number is returned. */
  edit(update: Uint8Array): number {
    this.#waiting.push({ n: ++this.made, update })
    this.#send()
    return this.made
  }

  /** Resolves when nothing waits. */
  saved(): Promise<void> {
    return this.#waiting.length === 0
      ? Promise.resolve()
      : new Promise((resolve) => void this.#idle.push(resolve))
  }

  #open(): Promise<Opened> {
    const cursor = this.cursor && { cursor: this.cursor }
    return this.#connection!.ask<Opened>('open', { doc: this.doc, schema: 1, ...cursor }, (opened) => {
      if (opened.parts) this.#parts = []
      else {
        if (opened.snapshot) this.#watch.snapshot?.(opened.snapshot)
        if (opened.updates.length > 0) this.#watch.shown?.([...unpack(opened.updates)])
        this.cursor = { seq: opened.seq, tag: opened.tag }
      }
      this.#arrived(opened.updates.length + (opened.snapshot?.length ?? 0))
      this.#send()
    })
  }

  #frame(frame: Frame, bytes: Uint8Array): void {
    if (!this.#moves(frame)) return
    this.#watch.shown?.([...unpack(bytes)])
    this.cursor = { seq: frame.seq, tag: frame.tag }
    this.#arrived(bytes.length)
  }

  /** Whether this takes our cursor forward (D2). A gap makes us ask again from where we are. */
  #moves({ from, seq }: { from: number; seq: number }): boolean {
    const at = this.cursor?.seq ?? 0
    if (from <= at && at < seq) return true
    if (from > at) {
      this.gaps.frames++
      void this.#open().catch(() => {})
    } else this.gaps.repeats++
    return false
  }

  #part(part: Cursor & { part: number; parts: number }, bytes: Uint8Array): void {
    if (part.part === 0) this.#parts = []
    this.#parts!.push(bytes)
    if (part.part === part.parts - 1) {
      this.#watch.snapshot?.(Buffer.concat(this.#parts!))
      this.cursor = { seq: part.seq, tag: part.tag }
      this.#parts = undefined
    }
    this.#arrived(bytes.length)
  }

  #send(): void {
    while (this.#connection && !this.#held && this.#inFlight < inFlightMax) {
      const edit = this.#waiting.find(({ n }) => n > this.#sentUpTo)
      if (!edit) return
      this.#sentUpTo = edit.n
      this.#inFlight++
      const connection = this.#connection
      const payload = { doc: this.doc, client: this.writer, n: edit.n, update: edit.update }
      connection.socket.emit('edit', payload, (answer: Answer) => {
        if (connection === this.#connection) this.#answered(edit.n, answer)
      })
    }
  }

  #answered(n: number, answer: Answer): void {
    this.#inFlight--
    if (answer.error) this.#refused(n, answer.error)
    else {
      if (isMove(answer) && this.#moves(answer)) this.cursor = { seq: answer.seq, tag: answer.tag }
      this.#waiting = this.#waiting.filter((edit) => edit.n !== n)
      this.#watch.saved?.(n)
      if (this.#waiting.length === 0) for (const tell of this.#idle.splice(0)) tell()
    }
    if (this.#held && this.#inFlight === 0) this.#sendAgain()
    else this.#send()
  }

  #refused(n: number, error: WireError): void {
    if (error.retry === 'again' && error.code !== 'writer_taken') this.#held = true
    else this.#watch.refused?.(n, error)
  }

  /** Everything in flight was answered, something with "again": from the oldest, after a breath. */
  #sendAgain(): void {
    const connection = this.#connection
    const again = () => {
      this.#held = false
      this.#sentUpTo = 0
      if (connection === this.#connection) this.#send()
    }
    setTimeout(again, 100)
  }

  #arrived(bytes: number): void {
    this.#unconfirmedBytes += bytes
    if (this.#unconfirmedBytes >= confirmBytes) this.#confirm()
    else this.#confirmIn(confirmQuietMs)
  }

  #confirmIn(delayMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#confirm(), delayMs)
  }

  #confirm(): void {
    if (!this.confirms) return this.#confirmIn(confirmQuietMs)
    this.#unconfirmedBytes = 0
    const part = this.#parts && { part: this.#parts.length }
    this.#connection?.socket.emit('confirm', { doc: this.doc, seq: this.cursor?.seq ?? 0, ...part })
    if (this.#connection) this.#confirmIn(confirmEveryMs)
  }
}

/** A copy with its text: a `Y.Doc` that sees everything at once, and whose own changes are sent, one edit each. */
export class TextCopy extends Copy {
  readonly content = new Y.Doc()

  constructor(doc: string, watch: Watch = {}, writer = newWriter()) {
    super(
      doc,
      {
        ...watch,
        shown: (updates) => {
          this.content.transact(
            () => updates.forEach((update) => Y.applyUpdate(this.content, update, 'server')),
            'server',
          )
          watch.shown?.(updates)
        },
        snapshot: (bytes) => {
          Y.applyUpdate(this.content, bytes, 'server')
          watch.snapshot?.(bytes)
        },
      },
      writer,
    )
    this.content.clientID = writer
    this.content.on(
      'update',
      (update: Uint8Array, origin: unknown) => void (origin === 'server' || this.edit(update)),
    )
  }

  get text(): Y.Text {
    return this.content.getText('text')
  }
}
