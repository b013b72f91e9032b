// Who else is in a document and where their caret is (W7): keyed by the server's number of the connection, never stored.
import type { LiveSocket } from './connection'
import type { Person, Present } from './wire'

export interface Other {
  connection: number
  person: Person
  caret: unknown
}

/** What everybody assumes of somebody who has said nothing. */
const NOWHERE = '{}'
/** The server takes no longer states. */
const LONGEST_STATE = 1024
/** Own movements are gathered for so long: the server forwards ten rounds a second (B4). */
const ROUND_MS = 100

export class Presence {
  readonly #socket: LiveSocket
  readonly #document: string
  readonly #others = new Map<number, Other>()
  readonly #listeners = new Set<() => void>()
  /** Where our caret is, asked when it is time to tell; its form is the editor's affair. */
  #read: () => unknown = () => undefined
  #told = NOWHERE
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Our own number, while the document is open: the server tells everybody of everybody. */
  #own: number | undefined

  constructor(socket: LiveSocket, document: string) {
    this.#socket = socket
    this.#document = document
  }

  /** Everybody else, a line for each connection. */
  get others(): readonly Other[] {
    return [...this.#others.values()]
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Our caret moved; `read` says where it is, `undefined` if it is nowhere. */
  moved(read: () => unknown): void {
    this.#read = read
    this.#timer ??= setTimeout(() => this.#tell(), ROUND_MS)
  }

  /** The document was opened on a new link, where nobody knows our caret yet. */
  opened(own: number, present: readonly Present[]): void {
    this.#own = own
    this.#told = NOWHERE
    this.#others.clear()
    this.apply(present)
    this.#tell()
  }

  /** What changed since the last round. */
  apply(people: readonly Present[]): void {
    for (const { connection, person, state } of people) {
      if (connection === this.#own) continue
      if (state === null) this.#others.delete(connection)
      else
        this.#others.set(connection, {
          connection,
          person,
          caret: (state as { caret?: unknown } | undefined)?.caret,
        })
    }
    this.#notify()
  }

  /** The link is gone: nobody is known to be here. */
  lost(): void {
    this.#own = undefined
    this.#others.clear()
    this.#notify()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#own = undefined
    this.#listeners.clear()
  }

  #tell(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#own === undefined || !this.#socket.connected) return
    const caret = this.#read()
    const state = JSON.stringify({ caret })
    if (state === this.#told || state.length > LONGEST_STATE) return
    this.#told = state
    this.#socket.emit('presence', { doc: this.#document, state: caret === undefined ? {} : { caret } })
  }

  #notify(): void {
    for (const listener of this.#listeners) listener()
  }
}
