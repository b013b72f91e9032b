// A document on the screen: a Y.Doc with its Provider, and another pair when that one's life is over.
import { effect, signal, untracked, type ReadonlySignal } from '@preact/signals-core'
import * as Y from 'yjs'
import type { LiveSocket } from './connection'
import type { Aside, CopyId, Kept } from './kept'
import { Provider } from './provider'
import { beginning } from './updates'
import type { Kind, Person } from './wire'

export interface OpenDocumentOptions {
  socket: LiveSocket
  document: string
  person: Person
  kept: Kept
}

export interface Pair {
  doc: Y.Doc
  provider: Provider
}

export class OpenDocument {
  readonly #options: OpenDocumentOptions
  readonly #copy: CopyId
  readonly #pair
  readonly #asides = signal<readonly Aside[]>([])
  #stopWatching = (): void => {}

  constructor(options: OpenDocumentOptions) {
    this.#options = options
    this.#copy = { person: options.person.id, document: options.document }
    this.#pair = signal(this.#begin())
    this.#watch()
    void options.kept.asides(this.#copy).then((asides) => asides.forEach(this.#addAside))
    globalThis.addEventListener?.('pagehide', this.#keep)
    globalThis.document?.addEventListener('visibilitychange', this.#keep)
  }

  /** The pair that serves now. */
  get pair(): ReadonlySignal<Pair> {
    return this.#pair
  }

  /** What left this document and waits for the person to look at it, the oldest first. */
  get asides(): ReadonlySignal<readonly Aside[]> {
    return this.#asides
  }

  async discard(aside: Aside): Promise<void> {
    this.#asides.value = this.#asides.value.filter(({ at }) => at !== aside.at)
    await this.#options.kept.discard(this.#copy, aside)
  }

  async close(): Promise<void> {
    globalThis.removeEventListener?.('pagehide', this.#keep)
    globalThis.document?.removeEventListener('visibilitychange', this.#keep)
    this.#stopWatching()
    await this.#pair.value.provider.close()
  }

  #begin(): Pair {
    const doc = new Y.Doc()
    return { doc, provider: new Provider({ ...this.#options, doc, onAside: this.#addAside }) }
  }

  #watch(): void {
    this.#stopWatching = effect(() => {
      if (this.#pair.value.provider.over.value === undefined) return
      untracked(() => (this.#pair.value = this.#begin()))
    })
  }

  readonly #addAside = (aside: Aside): void => {
    // Several tabs set the same history aside: one line is enough.
    const known = this.#asides.peek().some(({ why, text }) => why === aside.why && text === aside.text)
    if (!known) this.#asides.value = [...this.#asides.peek(), aside].toSorted((a, b) => a.at - b.at)
  }

  readonly #keep = (): void => void this.#pair.value.provider.keep()
}

/** Puts what was set aside into a new, empty document as an edit that waits: opening the document sends it. */
export async function beginWith(kept: Kept, copy: CopyId, aside: Aside, kind: Kind): Promise<void> {
  const source = aside.state && kind === 'rich' ? { state: aside.state } : { text: aside.text }
  await kept.write(copy, { waiting: [{ ...beginning(source, kind), n: 1 }] })
}
