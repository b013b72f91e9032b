// The live list of documents: pages of it as asked for, kept current by the server's changes (B5).
import { signal, type ReadonlySignal } from '@preact/signals-core'
import type { LiveSocket } from './connection'
import { isRefused, type DocumentPage, type DocumentRow, type ListChanged, type Refused } from './wire'

const ASK_AGAIN_MS = 1_000

export class LiveList {
  readonly #socket: LiveSocket
  readonly #trash: boolean
  readonly #rows = signal<readonly DocumentRow[] | undefined>(undefined)
  readonly #next = signal<string | undefined>(undefined)
  #again: ReturnType<typeof setTimeout> | undefined
  #isClosed = false

  constructor(socket: LiveSocket, { trash }: { trash: boolean }) {
    this.#socket = socket
    this.#trash = trash
    socket.on('connect', this.#subscribe)
    socket.on('list:changed', this.#onChanged)
    if (socket.connected) this.#subscribe()
  }

  /** What is known, the newest change first; `undefined` until the first answer. */
  get rows(): ReadonlySignal<readonly DocumentRow[] | undefined> {
    return this.#rows
  }

  /** There are more: `loadMore` fetches them. */
  get more(): boolean {
    return this.#next.value !== undefined
  }

  loadMore(): void {
    if (this.#next.peek() !== undefined) this.#ask(this.#next.peek())
  }

  /** Shows at once what a call just did; the server says the same a little later. */
  put(row: DocumentRow): void {
    this.#show([row], this.#rows.peek() ?? [])
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#again)
    this.#socket.off('connect', this.#subscribe)
    this.#socket.off('list:changed', this.#onChanged)
  }

  readonly #subscribe = (): void => this.#ask(undefined)

  #ask(after: string | undefined): void {
    clearTimeout(this.#again)
    const request = { ...(this.#trash && { trash: true }), ...(after !== undefined && { after }) }
    this.#socket.emit('list', request, (answer: DocumentPage | Refused) => {
      if (this.#isClosed) return
      if (isRefused(answer)) {
        this.#again = setTimeout(() => this.#ask(after), ASK_AGAIN_MS)
        return
      }
      this.#show(answer.documents, after === undefined ? [] : (this.#rows.peek() ?? []))
      this.#next.value = answer.next
    })
  }

  /** `rows` take the place of those that are known by the same id. What is not of this list any more goes. */
  #show(rows: readonly DocumentRow[], known: readonly DocumentRow[]): void {
    const ids = new Set(rows.map(({ id }) => id))
    const here = rows.filter(({ trashed }) => trashed === this.#trash)
    const others = known.filter(({ id }) => !ids.has(id))
    this.#rows.value = [...others, ...here].toSorted((a, b) => b.changed - a.changed)
  }

  readonly #onChanged = ({ documents, gone }: ListChanged): void => {
    const known = this.#rows.peek()
    if (known === undefined) return
    const left = new Set(gone)
    this.#show(
      documents,
      known.filter(({ id }) => !left.has(id)),
    )
  }
}
