// The live list of documents: pages of it as asked for, kept current by the server's changes (B5).
import { signal, type ReadonlySignal } from '@preact/signals-core'
import type { LiveSocket } from './connection'
import { isRefused, type DocumentPage, type DocumentRow, type ListChanged, type Refused } from './wire'

export class LiveList {
  readonly #socket: LiveSocket
  readonly #trash: boolean
  readonly #rows = signal<readonly DocumentRow[] | undefined>(undefined)
  readonly #next = signal<string | undefined>(undefined)

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
    const others = (this.#rows.peek() ?? []).filter(({ id }) => id !== row.id)
    const here = row.trashed === this.#trash
    this.#rows.value = here ? [...others, row].toSorted((a, b) => b.changed - a.changed) : others
  }

  close(): void {
    this.#socket.off('connect', this.#subscribe)
    this.#socket.off('list:changed', this.#onChanged)
  }

  readonly #subscribe = (): void => this.#ask(undefined)

  #ask(after: string | undefined): void {
    const request = { ...(this.#trash && { trash: true }), ...(after !== undefined && { after }) }
    this.#socket.emit('list', request, (answer: DocumentPage | Refused) => {
      if (isRefused(answer)) return
      if (after === undefined) this.#rows.value = []
      answer.documents.forEach((row) => this.put(row))
      this.#rows.value ??= []
      this.#next.value = answer.next
    })
  }

  readonly #onChanged = ({ documents, gone }: ListChanged): void => {
    if (this.#rows.peek() === undefined) return
    const left = new Set(gone)
    this.#rows.value = this.#rows.peek()!.filter(({ id }) => !left.has(id))
    documents.forEach((row) => this.put(row))
  }
}
