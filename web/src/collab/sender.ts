// Sends what waits in the outbox, in order, again and again until the server says that it is durable (W8, D3).
// It decides nothing about a refusal that repeating cannot mend: that is the provider's.
import type { LiveSocket } from './connection'
import type { Edit, Outbox } from './outbox'
import { isRefused, type EditAnswer, type Refusal, type Refused } from './wire'

/** A larger update travels in parts of this size. */
const PART_BYTES = 512 * 1024
const PAUSE_MS = { first: 250, longest: 15_000 }
/** Without an answer for so long something is wrong on the way: the document is opened again. */
const SILENCE_MS = 30_000
/** Of the oldest edit these mean that this copy cannot go on, although another one can (W2, L7). */
const ENDING = new Set(['writer_taken', 'out_of_order'])

export interface SenderEvents {
  acknowledged(edit: Edit, answer: EditAnswer): void
  /** Sending goes on by itself after a pause. */
  hindered(code: string): void
  /** The oldest edit was refused and sending has stopped. */
  refused(edit: Edit, refusal: Refusal): void
  silent(): void
}

export class Sender {
  readonly #socket: LiveSocket
  readonly #document: string
  readonly #outbox: Outbox
  readonly #events: SenderEvents
  #running = false
  /** Refusals of an earlier round say nothing any more: what they refused is being sent again. */
  #round = 0
  #failures = 0
  #inParts = false
  #pause: ReturnType<typeof setTimeout> | undefined
  #silence: ReturnType<typeof setTimeout> | undefined

  constructor(socket: LiveSocket, document: string, outbox: Outbox, events: SenderEvents) {
    this.#socket = socket
    this.#document = document
    this.#outbox = outbox
    this.#events = events
  }

  /** Begins with the oldest that waits. */
  start(): void {
    this.stop()
    this.#running = true
    this.pump()
  }

  stop(): void {
    this.#running = false
    this.#beginRound()
    clearTimeout(this.#pause)
    clearTimeout(this.#silence)
    this.#pause = undefined
  }

  /** Sends what may be sent now. */
  pump(): void {
    while (this.#running && this.#pause === undefined && !this.#inParts) {
      const edit = this.#outbox.next()
      if (!edit) return
      this.#listenForSilence()
      if (edit.update.length > PART_BYTES) this.#sendPart(edit, 0, this.#round)
      else this.#send(edit)
    }
  }

  /** Sends everything again after a pause, a longer one each time. */
  pauseAfter({ code }: Refusal): void {
    this.#pauseSending()
    this.#events.hindered(code)
  }

  #pauseSending(): void {
    this.#running = true
    this.#beginRound()
    clearTimeout(this.#silence)
    const longest = Math.min(PAUSE_MS.first * 2 ** this.#failures, PAUSE_MS.longest)
    this.#failures += 1
    clearTimeout(this.#pause)
    this.#pause = setTimeout(
      () => {
        this.#pause = undefined
        this.pump()
      },
      longest * (0.5 + Math.random() / 2),
    )
  }

  #beginRound(): void {
    this.#round += 1
    this.#inParts = false
    this.#outbox.rewind()
  }

  #send(edit: Edit): void {
    const round = this.#round
    const { client, n, update } = edit
    this.#socket.emit('edit', { doc: this.#document, client, n, update }, (answer: EditAnswer | Refused) =>
      this.#answered(edit, answer, round),
    )
  }

  /** Nothing follows a part before its acknowledgement: the parts of one edit must not be torn apart. */
  #sendPart(edit: Edit, part: number, round: number): void {
    this.#inParts = true
    const { client, n, update } = edit
    const parts = Math.ceil(update.length / PART_BYTES)
    const piece = update.slice(part * PART_BYTES, (part + 1) * PART_BYTES)
    const message = { doc: this.#document, client, n, part, parts, update: piece }
    this.#socket.emit('edit', message, (answer: EditAnswer | Refused) => {
      if (isRefused(answer) || part === parts - 1) {
        if (round === this.#round) this.#inParts = false
        this.#answered(edit, answer, round)
      } else if (round === this.#round) {
        this.#listenForSilence()
        this.#sendPart(edit, part + 1, round)
      }
    })
  }

  #answered(edit: Edit, answer: EditAnswer | Refused, round: number): void {
    if (!isRefused(answer)) {
      this.#failures = 0
      if (this.#outbox.acknowledged(edit)) this.#events.acknowledged(edit, answer)
      this.#listenForSilence()
      this.pump()
      return
    }
    if (round !== this.#round || !this.#running) return
    const { error } = answer
    // What was sent behind a refused edit is refused for the gap: only the oldest one's refusal speaks of the edit.
    if (!this.#outbox.isOldest(edit)) this.#pauseSending()
    else if (error.retry === 'again' && !ENDING.has(error.code)) this.pauseAfter(error)
    else {
      this.stop()
      this.#events.refused(edit, error)
    }
  }

  #listenForSilence(): void {
    clearTimeout(this.#silence)
    if (!this.#running || this.#outbox.waiting === 0) return
    this.#silence = setTimeout(() => this.#events.silent(), SILENCE_MS)
  }
}
