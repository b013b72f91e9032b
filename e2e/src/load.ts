// People who type into one document at a steady pace, and how long it takes until others see it.
import { setInterval, setTimeout as pause } from 'node:timers/promises'
import * as Y from 'yjs'
import { Connection, type Identity } from './connection'
import { Copy } from './copy'

/** When each edit was made, by its bytes; shared by writers and watchers of one process. */
export class Stopwatch {
  readonly #madeAtMs = new Map<string, number>()
  /** From making an edit until somebody else was shown it. */
  durationsMs: number[] = []

  made(update: Uint8Array): void {
    this.#madeAtMs.set(key(update), performance.now())
  }

  shown(updates: Uint8Array[]): void {
    const now = performance.now()
    for (const update of updates) {
      const madeAtMs = this.#madeAtMs.get(key(update))
      if (madeAtMs !== undefined) this.durationsMs.push(now - madeAtMs)
    }
  }
}

const key = (update: Uint8Array) => Buffer.from(update).toString('latin1')

/** A writer with a document of its own words only: what others write costs it nothing. */
export class LoadWriter {
  readonly copy: Copy
  readonly #words = new Y.Doc()
  readonly #text: string
  #connection: Connection | undefined
  /** Called for each edit that became durable. */
  onSaved = () => {}

  constructor(doc: string, editChars: number, stopwatch?: Stopwatch, watches = false) {
    this.copy = new Copy(doc, {
      saved: () => this.onSaved(),
      ...(watches && { shown: (updates) => stopwatch?.shown(updates) }),
    })
    this.#words.clientID = this.copy.writer
    this.#text = 'x'.repeat(editChars)
    this.#words.on('update', (update: Uint8Array) => {
      stopwatch?.made(update)
      this.copy.edit(update)
    })
  }

  async connect(url: string, who: Identity): Promise<void> {
    this.#connection = await Connection.to(url, who)
    await this.copy.attach(this.#connection)
  }

  leave(): void {
    this.#connection?.close()
  }

  write(): void {
    const text = this.#words.getText('text')
    text.insert(text.length, this.#text)
  }

  /** Writes once in each period, beginning somewhere in the first, until told to end. */
  async writeEvery(periodMs: number, end: AbortSignal): Promise<void> {
    await pause(Math.random() * periodMs)
    for await (const _ of setInterval(periodMs)) {
      if (end.aborted) return
      this.write()
    }
  }
}
