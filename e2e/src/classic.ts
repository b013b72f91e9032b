// The course's contract as a typed client, around any release of socket.io-client: one tab, and all that it hears, in order.
// Knows the contract's words only: nothing of how the server keeps its word, and nothing of any test.
import { News } from './news'

/** What all releases of the official client have in common. */
export interface Socket {
  connected: boolean
  io: {
    engine: { transport: { name: string }; once(event: string, listener: (data: Handshake) => void): unknown }
    socket(namespace: string, options: Record<string, unknown>): Socket
  }
  on(event: string, listener: (...args: never[]) => void): unknown
  onAny(listener: (event: string, ...args: unknown[]) => void): unknown
  emit(event: string, ...args: unknown[]): unknown
  disconnect(): unknown
}

/** What the server says first of all. */
export interface Handshake {
  pingInterval: number
  pingTimeout: number
  upgrades: string[]
}

/** A release's way to connect. */
export type Io = (url: string, options: Record<string, unknown>) => Socket

/** How the bytes travel: one transport alone, or polling first and then the upgrade. */
export const ways = {
  polling: ['polling'],
  websocket: ['websocket'],
  upgrade: ['polling', 'websocket'],
} as const
export type Way = keyof typeof ways

/** A document, as it is listed. */
export interface Documento {
  _id: string
  nome: string
  texto: string
}

/** Who was let in, and until when: seconds since 1970. */
export interface Autorizacao {
  nomeUsuario: string
  iat: number
  exp: number
}

/** One event from the server, or `ack` and the name of what was acknowledged. */
export type Heard = [event: string, ...args: unknown[]]

/** The server did not let a tab into the namespace. */
export class NotAuthorised extends Error {}

/** The server's answer was not the one that was hoped for: `event` says what it was. */
export class Unwanted extends Error {
  readonly event: string
  constructor([event, ...args]: Heard) {
    super(`${event} ${JSON.stringify(args)}`)
    this.event = event
  }
}

export interface TabOptions {
  io: Io
  /** Where the server is, without a namespace. */
  url: string
  way: Way
  /** For `/usuarios`; a value that is no string is for tests. */
  token?: unknown
  /** Shares this tab's connection, as the client does by itself for pages that use both namespaces. */
  beside?: Tab
}

export class Tab {
  readonly socket: Socket
  /** Everything that came, oldest first; acknowledgements too. */
  readonly heard: Heard[] = []
  handshake: Handshake | undefined
  /** What came and nobody waited for yet. */
  readonly #unread: Heard[] = []
  readonly #news = new News()

  /** Begins to connect, and listens from the first moment. What is emitted now is sent once it is connected. */
  constructor(namespace: '/' | '/usuarios', { io, url, way, token, beside }: TabOptions) {
    const auth = token === undefined ? {} : { auth: { token } }
    const options = { transports: ways[way], reconnection: false, forceNew: true, ...auth }
    this.socket = beside ? beside.socket.io.socket(namespace, auth) : io(url + namespace, options)
    this.socket.io.engine.once('handshake', (handshake) => (this.handshake = handshake))
    this.socket.onAny((...heard) => this.#hear(heard))
    this.socket.on('connect', () => this.#hear(['connect']))
    this.socket.on('connect_error', (error: Error) => this.#hear(['connect_error', error.message]))
    this.socket.on('disconnect', (reason: string) => this.#hear(['disconnect', reason]))
  }

  /** A tab where nobody has signed in. */
  static async visit(options: TabOptions): Promise<Tab> {
    return new Tab('/', options).#entered()
  }

  /** A tab of whoever the token is of. Rejects with `NotAuthorised` and the server's words. */
  static async join(options: TabOptions): Promise<Tab> {
    const tab = await new Tab('/usuarios', options).#entered()
    await tab.hears('autorizacao_sucesso')
    return tab
  }

  async #entered(): Promise<this> {
    const [event, message] = await this.hears('connect', 'connect_error')
    if (event === 'connect') return this
    this.leave()
    throw new NotAuthorised(String(message))
  }

  /** `polling` or `websocket`, at this moment. */
  get transport(): string {
    return this.socket.io.engine.transport.name
  }

  /** Resolves once the bytes go through a WebSocket. */
  async upgraded(): Promise<void> {
    if (this.transport !== 'websocket')
      await new Promise<void>((resolve) => void this.socket.io.engine.once('upgrade', () => resolve()))
  }

  emit(event: string, ...args: unknown[]): void {
    this.socket.emit(event, ...args)
  }

  /** Emits and resolves with what is acknowledged; rejects when the connection ends first. */
  async ask(event: string, ...args: unknown[]): Promise<unknown> {
    let answer: unknown[] | undefined
    this.socket.emit(event, ...args, (...acknowledged: unknown[]) => {
      answer = acknowledged
      this.#hear([`ack ${event}`, ...acknowledged])
    })
    await this.#news.until(() => answer !== undefined || !this.socket.connected)
    if (!answer) throw new Error(`the connection ended before ${event} was acknowledged`)
    return answer[0]
  }

  /** Resolves with the first of these events that nobody waited for yet, past or to come. */
  hears(...events: string[]): Promise<Heard> {
    return this.#first(([event]) => events.includes(event))
  }

  /** The same for exactly this event with exactly these arguments. */
  async hearsThat(...wanted: Heard): Promise<void> {
    const json = JSON.stringify(wanted)
    await this.#first((heard) => JSON.stringify(heard) === json)
  }

  async #first(isWanted: (heard: Heard) => boolean): Promise<Heard> {
    let found: Heard | undefined
    const take = () => {
      const at = this.#unread.findIndex(isWanted)
      return at < 0 ? undefined : this.#unread.splice(at, 1)[0]
    }
    await this.#news.until(() => (found ??= take()) !== undefined)
    return found!
  }

  /** How often an event was heard. */
  count(event: string): number {
    return this.heard.filter(([name]) => name === event).length
  }

  /** A round trip: what the server had sent before, this tab has heard now. It leaves no trace in `heard`. */
  async settle(): Promise<void> {
    const answer = await this.documents()
    if (Array.isArray(answer)) return
    const refusal = await this.hears('erro')
    this.heard.splice(this.heard.lastIndexOf(refusal), 1)
  }

  /** What is answered: `cadastro_sucesso`, `usuario_ja_existente` or `cadastro_erro`. */
  async signUp(nome: string, senha: string): Promise<string> {
    this.emit('cadastrar_usuario', { nome, senha })
    return (await this.hears('cadastro_sucesso', 'usuario_ja_existente', 'cadastro_erro'))[0]
  }

  /** The token; rejects with `Unwanted`. */
  async signIn(nome: string, senha: string): Promise<string> {
    this.emit('autenticar_usuario', { nome, senha })
    const heard = await this.hears('autenticacao_sucesso', 'usuario_nao_encontrado', 'autenticacao_erro')
    if (heard[0] !== 'autenticacao_sucesso') throw new Unwanted(heard)
    return String(heard[1])
  }

  /** All documents; the acknowledgement is not kept. */
  documents(): Promise<Documento[]> {
    return new Promise((resolve) => void this.socket.emit('obter_documentos', resolve))
  }

  /** A document's text as it is listed. */
  async text(nome: string): Promise<string | undefined> {
    return (await this.documents()).find((document) => document.nome === nome)?.texto
  }

  /** Makes a document; rejects with `Unwanted`. */
  async add(nome: string): Promise<void> {
    this.emit('adicionar_documento', nome)
    const heard = await this.#first(
      ([event, name]) =>
        event === 'erro' ||
        (name === nome && ['adicionar_documento_interface', 'documento_existente'].includes(event)),
    )
    if (heard[0] !== 'adicionar_documento_interface') throw new Unwanted(heard)
  }

  /** Opens a document and resolves with its text; rejects with `Unwanted`. */
  async select(nomeDocumento: string, nomeUsuario = 'quem quer que seja'): Promise<string> {
    const answer = await this.ask('selecionar_documento', { nomeDocumento, nomeUsuario })
    if (typeof answer !== 'string') throw new Unwanted(await this.hears('erro'))
    return answer
  }

  /** Sends the whole text, as the course's page does at each key. */
  write(nomeDocumento: string, texto: string): void {
    this.emit('texto_editor', { texto, nomeDocumento })
  }

  leave(): void {
    this.socket.disconnect()
  }

  #hear(heard: Heard): void {
    this.heard.push(heard)
    this.#unread.push(heard)
    this.#news.tell()
  }
}
