// A network link in front of a server: slow, far away, cut or silent. It moves bytes and understands none.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

export interface LinkOptions {
  /** What the link carries in each direction, over all its connections. */
  bytesPerSecond?: number
  /** How long each byte is under way. */
  delayMs?: number
}

/** Bytes are let through in pieces of this length, so that connections share the link. */
const pieceBytes = 4096

export class Link {
  readonly url: string
  #server: Server
  readonly #toPort: number
  readonly #options: LinkOptions
  readonly #sockets = new Set<Socket>()
  #freeAtMs = { up: 0, down: 0 }
  #open: Promise<void> = Promise.resolve()
  #reopen = () => {}

  private constructor(server: Server, toPort: number, options: LinkOptions) {
    this.#server = server
    this.#toPort = toPort
    this.#options = options
    this.url = `http://127.0.0.1:${portOf(server)}`
    server.on('connection', (socket) => this.#join(socket))
  }

  /** A link to this port of the loopback interface. */
  static async to(port: number, options: LinkOptions = {}): Promise<Link> {
    return new Link(await listening(0), port, options)
  }

  /** Ends all connections, and refuses new ones until `mend`. */
  async cut(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async mend(): Promise<void> {
    this.#server = await listening(Number(new URL(this.url).port))
    this.#server.on('connection', (socket) => this.#join(socket))
  }

  /** Carries nothing any more, in either direction, but keeps the connections: as a reader that stopped. */
  stop(): void {
    this.#open = new Promise((resolve) => (this.#reopen = resolve))
  }

  go(): void {
    this.#reopen()
  }

  async end(): Promise<void> {
    this.go()
    if (this.#server.listening) await this.cut()
  }

  #join(near: Socket): void {
    const far = connect({ port: this.#toPort, host: '127.0.0.1', noDelay: true })
    near.setNoDelay(true)
    for (const socket of [near, far]) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => this.#sockets.delete(socket))
    }
    void this.#carry(near, far, 'up')
    void this.#carry(far, near, 'down')
  }

  /** Reads no faster than the link carries, so that the sender feels it. What was sent before an end still arrives. */
  async #carry(from: Socket, to: Socket, direction: 'up' | 'down'): Promise<void> {
    const { bytesPerSecond, delayMs = 0 } = this.#options
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length && !to.destroyed; at += pieceBytes) {
          const piece = chunk.subarray(at, at + pieceBytes)
          await this.#open
          if (bytesPerSecond) await this.#turn(direction, (piece.length / bytesPerSecond) * 1000)
          if (delayMs) setTimeout(() => to.writable && to.write(piece), delayMs)
          else if (!to.write(piece) && !to.destroyed)
            await Promise.race([once(to, 'drain'), once(to, 'close')])
        }
      }
      await this.#open
      if (delayMs) await pause(delayMs)
      to.end()
    } catch {
      to.destroy()
    }
  }

  /** Waits until the link has carried what came before, and takes `lengthMs` of it. */
  async #turn(direction: 'up' | 'down', lengthMs: number): Promise<void> {
    const now = performance.now()
    this.#freeAtMs[direction] = Math.max(now, this.#freeAtMs[direction]) + lengthMs
    await pause(this.#freeAtMs[direction] - now)
  }
}

const portOf = (server: Server) => (server.address() as { port: number }).port

async function listening(port: number): Promise<Server> {
  const server = createServer({ highWaterMark: pieceBytes })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}
