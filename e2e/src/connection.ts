// One connection to `/live` through the official client: asks and hears. Keeps nothing of any document.
import { io, type Socket } from 'socket.io-client'
import type { Person } from './people'

/** Who connects: somebody with a cookie, a program with a token, or nobody. */
export type Identity = Person | { token: string } | null

/** What the server answers when it will not. */
export class Refused extends Error {
  readonly code: string
  readonly retry: 'again' | 'later' | 'never'
  constructor(error: WireError) {
    super(`${error.code}: ${error.message}`)
    this.code = error.code
    this.retry = error.retry
  }
}

export interface WireError {
  code: string
  message: string
  retry: 'again' | 'later' | 'never'
}

export interface ConnectionOptions {
  /** Only these transports; WebSocket alone unless told. */
  transports?: ('websocket' | 'polling')[]
  /** More headers of the handshake. */
  headers?: Record<string, string>
}

export class Connection {
  readonly socket: Socket
  /** Resolves with the reason once the connection is gone. */
  readonly closed: Promise<string>

  private constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => void socket.once('disconnect', resolve))
  }

  /** Connects once; rejects with `Refused` when the server says why not, else with the network's error. */
  static async to(url: string, who: Identity, options: ConnectionOptions = {}): Promise<Connection> {
    const socket = io(`${url}/live`, {
      transports: options.transports ?? ['websocket'],
      reconnection: false,
      forceNew: true,
      ...(who && 'token' in who && { auth: { token: who.token } }),
      extraHeaders: {
        ...(who && 'cookie' in who && { cookie: who.cookie, origin: url }),
        ...options.headers,
      },
    })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      // A refusal closes the connection, too, and is told right after.
      const unheard = new Error('the connection ended before it was joined')
      socket.io.once('close', () => setImmediate(() => reject(unheard)))
      socket.once('connect_error', (error) => {
        reject(reason(error) ?? error)
        socket.disconnect()
      })
    })
    return new Connection(socket)
  }

  /**
   * Asks and waits for the acknowledgement. Rejects with `Refused`, or when the connection ends first.
   * `take` sees the answer at once: before any message that was sent after it.
   */
  ask<T = object>(event: string, payload: unknown, take?: (answer: T) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const gone = () => reject(new Error(`the connection ended before ${event} was answered`))
      if (!this.socket.connected) return gone()
      this.socket.once('disconnect', gone)
      this.socket.emit(event, payload, (answer: T & { error?: WireError }) => {
        this.socket.off('disconnect', gone)
        if (answer.error) return reject(new Refused(answer.error))
        take?.(answer)
        resolve(answer)
      })
    })
  }

  close(): void {
    this.socket.disconnect()
  }
}

/** Resolves with the code of the refusal, or 'accepted'; or with the message of any other error. */
export const codeOf = (answer: Promise<unknown>): Promise<string> =>
  answer.then(
    () => 'accepted',
    (error: unknown) => (error instanceof Refused ? error.code : String(error)),
  )

/** What the server said when it refused the connection: the error object, or the object as JSON in the message. */
function reason(error: Error & { data?: WireError }): Refused | undefined {
  if (error.data) return new Refused(error.data)
  return error.message.startsWith('{') ? new Refused(JSON.parse(error.message) as WireError) : undefined
}
