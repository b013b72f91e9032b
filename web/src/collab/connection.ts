// The one Socket.IO connection of a page: connecting, coming back, and the end of the session. Knows no documents.
import { signal, type ReadonlySignal } from '@preact/signals-core'
import { io, type Socket } from 'socket.io-client'
import type { Refusal } from './wire'

export type LiveSocket = Socket

export interface ConnectionOptions {
  /** Where the server is; the page's own address by default. */
  url?: string
  /** For programs, which have no cookie. */
  token?: string
}

/** For so long after a loss every attempt comes quickly: most losses are a restart of the server. */
const EAGER_FOR_MS = 5_000
const EAGER_DELAY_MS = { least: 300, most: 1_000 }
const LONGEST_DELAY_MS = 15_000

export class Connection {
  readonly socket: LiveSocket
  readonly #connected = signal(false)
  /** The code with which the server ended the session; the page must let the person sign in again. */
  readonly #ended = signal<string | undefined>(undefined)
  #lostAt: number | undefined
  #delay_ms = EAGER_DELAY_MS.most
  #timer: ReturnType<typeof setTimeout> | undefined
  #closed = false

  constructor({ url = '', token }: ConnectionOptions = {}) {
    this.socket = io(`${url}/live`, {
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      reconnection: false,
      autoConnect: false,
      forceNew: true,
      ...(token === undefined ? {} : { auth: { token } }),
    })
    this.socket.on('connect', () => this.#onConnect())
    this.socket.on('disconnect', () => this.#onLoss())
    this.socket.on('connect_error', (error) => this.#onConnectError(error))
    this.socket.on('session:ended', ({ code }: { code: string }) => this.#end(code))
    globalThis.addEventListener?.('online', this.#hurry)
    this.socket.connect()
  }

  get connected(): ReadonlySignal<boolean> {
    return this.#connected
  }

  get ended(): ReadonlySignal<string | undefined> {
    return this.#ended
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    globalThis.removeEventListener?.('online', this.#hurry)
    this.socket.disconnect()
  }

  #onConnect(): void {
    this.#lostAt = undefined
    this.#delay_ms = EAGER_DELAY_MS.most
    this.#connected.value = true
  }

  #onLoss(): void {
    this.#connected.value = false
    this.#comeBack()
  }

  #onConnectError(error: Error): void {
    if (refusalIn(error)?.code === 'unauthenticated') this.#end('unauthenticated')
    else this.#comeBack()
  }

  #end(code: string): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#ended.value = code
  }

  #comeBack(): void {
    if (this.#closed) return
    this.#lostAt ??= Date.now()
    const eager = Date.now() - this.#lostAt < EAGER_FOR_MS
    if (!eager) this.#delay_ms = Math.min(this.#delay_ms * 1.6, LONGEST_DELAY_MS)
    const { least, most } = EAGER_DELAY_MS
    const delay_ms = eager
      ? least + Math.random() * (most - least)
      : this.#delay_ms * (0.5 + Math.random() / 2)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.socket.connect(), delay_ms)
  }

  /** The machine says that it is on a network again: begin anew with short pauses. */
  readonly #hurry = (): void => {
    if (this.#closed || this.socket.connected) return
    this.#lostAt = undefined
    this.#delay_ms = EAGER_DELAY_MS.most
    this.#comeBack()
  }
}

/** A refused connection carries the refusal as JSON in its one text; every other error is the network's. */
function refusalIn({ message }: Error): Refusal | undefined {
  try {
    return JSON.parse(message) as Refusal
  } catch {
    return undefined
  }
}
