// Sends one tab's share of nonsense, and counts the refusals. Knows no payload and no other tab.
import type { Socket, Tab } from './classic'
import { News } from './news'

/** How many messages may wait for their refusal. */
const inFlightMax = 32

export type Message = [event: string, ...args: unknown[]]

/** How a batch is refused. */
export interface Refusal {
  /** The event that says so; with `erro` the acknowledgement says it too. */
  answer?: string
  /** Whether every other message asks for an acknowledgement. */
  asks?: boolean
}

export class Storm {
  /** How many messages were sent. */
  sent = 0
  readonly #socket: Socket
  readonly #news = new News()
  readonly #heard = new Map<string, number>()
  /** Acknowledgements that are no refusals, as JSON. */
  readonly #wrong: string[] = []

  constructor(tab: Tab) {
    this.#socket = tab.socket
    this.#socket.onAny((event) => this.#count(event))
    this.#socket.on('disconnect', (why: string) => this.#news.fail(new Error(`the connection ended: ${why}`)))
  }

  /** Sends all, and sees each of them refused, once. */
  async refused(
    what: string,
    messages: Message[],
    { answer = 'erro', asks = true }: Refusal = {},
  ): Promise<void> {
    const before = [this.count(answer), this.count('ack')] as const
    const came = () => [this.count(answer) - before[0], this.count('ack') - before[1]]
    const asked = (at: number) => asks && at % 2 === 0
    const acknowledgements = answer === 'erro' ? messages.filter((_, at) => asked(at)).length : 0
    const wanted = [messages.length, acknowledgements]
    const fault = (cause?: unknown) =>
      new Error(`${what}: ${wanted} refusals and acknowledgements wanted, ${came()} came`, { cause })
    const until = (holds: () => boolean) =>
      this.#news.until(holds).catch((cause: unknown) => Promise.reject(fault(cause)))
    for (const [at, message] of messages.entries()) {
      this.#socket.emit(...message, ...(asked(at) ? [(refusal: unknown) => this.#acknowledged(refusal)] : []))
      await until(() => at < inFlightMax + came()[0]!)
    }
    this.sent += messages.length
    await until(() => came().every((count, at) => count >= wanted[at]!))
    // What is one too many is here after a round trip.
    await new Promise((resolve) => void this.#socket.emit('obter_documentos', resolve))
    if (String(came()) !== String(wanted)) throw fault()
    if (this.#wrong.length > 0) throw new Error(`${what} was acknowledged: ${this.#wrong[0]}`)
  }

  /** Sends all with an acknowledgement, and resolves with what is acknowledged. */
  answered(messages: Message[]): Promise<unknown[]> {
    this.sent += messages.length
    const ask = (message: Message) =>
      new Promise((resolve) => void this.#socket.emit(...message, (answer: unknown) => resolve(answer)))
    return Promise.all(messages.map(ask))
  }

  /** How often an event was heard, or `ack`. */
  count(event: string): number {
    return this.#heard.get(event) ?? 0
  }

  /** What was heard, by name. */
  get heard(): string[] {
    return [...this.#heard.keys()]
  }

  #acknowledged(answer: unknown): void {
    if (typeof (answer as { erro?: unknown } | null)?.erro !== 'string')
      this.#wrong.push(JSON.stringify(answer))
    this.#count('ack')
  }

  #count(event: string): void {
    this.#heard.set(event, this.count(event) + 1)
    this.#news.tell()
  }
}
