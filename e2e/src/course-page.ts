// The course's document page without its browser: a textarea with the caret at the end, which sends its whole text at each key
// and shows whatever comes instead. Knows the page's habits only: what is made of them is the server's affair.
import { type Socket, io } from 'socket.io-client'
import { News } from './news'

/** After a lost connection: whether what was typed meanwhile is sent before or after the document is selected again. */
export type Return = 'typed first' | 'selected first'

export class CoursePage {
  readonly document: string
  readonly socket: Socket
  /** What the textarea shows. */
  value = ''
  /** The names above it. */
  people: string[] = []
  /** What sent the person home, if anything did. */
  sentHome: string | undefined
  /** What the server complained about. */
  readonly errors: string[] = []
  readonly news = new News()
  #isOpen = false
  #return: Return | undefined
  /** What the client would send before anything else, held until the document is selected. */
  #held: [event: string, ...args: unknown[]][] = []

  private constructor(url: string, token: string, document: string) {
    this.document = document
    this.socket = io(`${url}/usuarios`, { auth: { token }, forceNew: true, reconnection: false })
    this.#on('autorizacao_sucesso', ({ nomeUsuario }: { nomeUsuario: string }) => {
      // The client sends what waits in the very turn in which it tells the page that it is connected.
      if (this.#return === 'typed first') return queueMicrotask(() => this.#select(nomeUsuario))
      this.#select(nomeUsuario)
      for (const [event, ...args] of this.#held.splice(0)) this.socket.emit(event, ...args)
    })
    this.#on('texto_editor_clientes', (texto: string) => (this.value = texto))
    this.#on('usuarios_no_documento', (names: string[]) => (this.people = names))
    this.#on('erro', ({ mensagem }: { mensagem: string }) => this.errors.push(mensagem))
    this.#on('usuario_ja_no_documento', () => (this.sentHome = 'usuario_ja_no_documento'))
    this.#on('excluir_documento_sucesso', (name: string) => {
      if (name === document) this.sentHome = 'excluir_documento_sucesso'
    })
    this.#on('connect_error', ({ message }: Error) => (this.sentHome = message))
  }

  /** Goes to the page; resolves when the text is there, or the person was sent home. */
  static async visit(url: string, token: string, document: string): Promise<CoursePage> {
    const page = new CoursePage(url, token, document)
    await page.news.until(() => page.#isOpen || page.sentHome !== undefined)
    return page
  }

  /** One key: the character comes to the end, and the whole text is sent. */
  key(character: string): void {
    this.value += character
    this.socket.emit('texto_editor', { texto: this.value, nomeDocumento: this.document })
  }

  /** The connection breaks. What is typed from now on waits in the client. */
  drop(): void {
    this.#isOpen = false
    this.socket.io.engine.close()
  }

  /** Connects again; resolves when the document is open again. */
  async comeBack(order: Return): Promise<void> {
    this.#return = order
    if (order === 'selected first') this.#held = this.socket.sendBuffer.splice(0).map(({ data }) => data)
    this.socket.connect()
    await this.news.until(() => this.#isOpen || this.sentHome !== undefined)
  }

  leave(): void {
    this.socket.disconnect()
  }

  #select(nomeUsuario: string): void {
    this.socket.emit(
      'selecionar_documento',
      { nomeDocumento: this.document, nomeUsuario },
      (texto: unknown) => {
        if (typeof texto === 'string') this.value = texto
        else this.sentHome = JSON.stringify(texto)
        this.#isOpen = true
        this.news.tell()
      },
    )
  }

  #on<T>(event: string, heard: (payload: T) => unknown): void {
    this.socket.on(event, (payload: T) => {
      heard(payload)
      this.news.tell()
    })
  }
}
