// A WebSocket without Socket.IO's manners: it sends what it is told to, sense or not.
import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { Server } from './server'

export interface RawOptions {
  headers?: Record<string, string>
  /** The loopback address to come from: the server counts by address. */
  from?: string
}

export class Raw {
  readonly #socket: WebSocket
  readonly #heard: string[] = []
  #wake = () => {}
  /** Resolves once the connection is gone, however it went. */
  readonly closed: Promise<void>

  private constructor(socket: WebSocket) {
    this.#socket = socket
    this.closed = new Promise((resolve) => void socket.once('close', () => resolve()))
    socket.on('error', () => {})
    socket.on('message', (data) => {
      this.#heard.push(String(data))
      this.#wake()
    })
    void this.closed.then(() => this.#wake())
  }

  /** Opens the transport and nothing more; rejects with the HTTP status when the server will not. */
  static async to(server: Server, { headers = {}, from }: RawOptions = {}): Promise<Raw> {
    const url = `${server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`
    const socket = new WebSocket(url, {
      headers,
      perMessageDeflate: false,
      ...(from && { localAddress: from }),
    })
    const raw = new Raw(socket)
    await Promise.race([
      once(socket, 'open'),
      once(socket, 'unexpected-response').then(([, response]) => {
        socket.terminate()
        throw new Error(`HTTP ${(response as { statusCode: number }).statusCode}`)
      }),
    ])
    return raw
  }

  /** Joins `/live` as a program with this token. */
  async join(token: string): Promise<this> {
    this.send(`40/live,${JSON.stringify({ token })}`)
    await this.hears(/^40\/live,/)
    return this
  }

  send(message: string | Uint8Array): void {
    this.#socket.send(message, () => {})
  }

  /** Resolves with the first message, past or to come, that matches; rejects when the connection ends first. */
  async hears(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = this.#heard.find((message) => pattern.test(message))
      if (found !== undefined) return found
      if (this.#socket.readyState === WebSocket.CLOSED) throw new Error('the connection ended')
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  end(): void {
    this.#socket.terminate()
  }
}
