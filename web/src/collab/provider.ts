// The journey of an edit on the client: from a Y.Doc to the server and back, nothing lost and nothing twice.
// One Provider serves one Y.Doc for one life; where the two must part (`over`), a new pair begins from what is kept.
import { computed, signal, type ReadonlySignal } from '@preact/signals-core'
import * as Y from 'yjs'
import { applyRemote, Arrival } from './arrival'
import type { LiveSocket } from './connection'
import { onNextFrame } from './frame'
import { Keeper } from './keeper'
import type { Aside, CopyId, DocumentFacts, Kept, Stretch } from './kept'
import { Outbox, type Edit } from './outbox'
import { Presence } from './presence'
import { Sender } from './sender'
import { initialFacts, reduce, statusOf, type Happening, type ReadOnly, type Status } from './status'
import { renameClient, textOf, wordsIn } from './updates'
import {
  isRefused,
  type Binary,
  type DocumentChanged,
  type EditAnswer,
  type EditsMessage,
  type OpenAnswer,
  type Person,
  type PresenceMessage,
  type Refusal,
  type Refused,
  type SnapshotMessage,
} from './wire'

/** The newest form of rich text that this page knows. It never narrows. */
export const SCHEMA = 1

const OPEN_AGAIN_MS = { first: 300, longest: 15_000 }

export interface ProviderOptions {
  /** New, garbage-collecting, and nobody else's to fill from elsewhere. */
  doc: Y.Doc
  socket: LiveSocket
  document: string
  person: Person
  kept: Kept
  /** Told of what left the document and is kept for the person to open and copy from (L7, D3). */
  onAside?: (aside: Aside) => void
  schema?: number
}

/** Why a Provider's life is over. Whoever made it makes another, with a new Y.Doc. */
export type Ending = 'history changed' | 'edits refused' | 'writer taken' | 'changes unsent'

type Handler = Parameters<LiveSocket['on']>[1]

export class Provider {
  readonly presence: Presence
  readonly #doc: Y.Doc
  readonly #socket: LiveSocket
  readonly #copy: CopyId
  readonly #keeper: Keeper
  readonly #schema: number
  readonly #onAside: (aside: Aside) => void
  readonly #outbox = new Outbox()
  readonly #arrival: Arrival
  readonly #sender: Sender

  readonly #facts
  readonly #document = signal<DocumentFacts | undefined>(undefined)
  readonly #ready = signal(false)
  readonly #over = signal<Ending | undefined>(undefined)
  readonly #status: ReadonlySignal<Status>
  readonly #editable: ReadonlySignal<boolean>

  readonly #handlers: readonly [string, Handler][]
  #loaded = false
  #closed = false
  /** Answers to an earlier `open` say nothing any more. */
  #opening = 0
  #openFailures = 0
  #openTimer: ReturnType<typeof setTimeout> | undefined
  /** Changes were made here that are not sent: this Y.Doc is no copy any more. */
  #unsent = false
  #stopFrame: (() => void) | undefined

  constructor({ doc, socket, document, person, kept, onAside, schema = SCHEMA }: ProviderOptions) {
    this.#doc = doc
    this.#socket = socket
    this.#copy = { person: person.id, document }
    this.#schema = schema
    this.#onAside = onAside ?? (() => {})
    this.#facts = signal(initialFacts(kept.lasting))
    this.#status = computed(() => statusOf(this.#facts.value))
    this.#editable = computed(() => {
      const { readOnly, refused } = this.#facts.value
      return this.ready.value && !readOnly && !refused && !this.#over.value
    })
    this.presence = new Presence(socket, document)
    this.#keeper = new Keeper(kept, this.#copy, this.#outbox, {
      snapshot: () => this.#snapshot(),
      failed: () => this.#tell({ type: 'unkept' }),
    })
    this.#arrival = new Arrival(socket, document, doc, {
      gap: () => this.#open(),
      progress: (progress) => this.#tell({ type: 'loading', progress }),
      complete: () => this.#caughtUp(),
      moved: (after, cursor, updates) => {
        this.#settle(cursor.seq)
        this.#keeper.moved(after, cursor, updates, this.#document.value!)
      },
    })
    this.#sender = new Sender(socket, document, this.#outbox, {
      acknowledged: (edit, answer) => this.#acknowledged(edit, answer),
      hindered: (code) => this.#tell({ type: 'hindered', code }),
      refused: (edit, refusal) => this.#refused(edit, refusal),
      silent: () => this.#open(),
    })
    const ours = <M extends { doc: string }>(handle: (message: M, binary: Binary) => void) =>
      ((message: M, binary: Binary) => message.doc === document && handle(message, binary)) as Handler
    this.#handlers = [
      ['connect', () => this.#onConnect()],
      ['disconnect', () => this.#onLoss()],
      ['connect_error', () => this.#onLoss()],
      ['edits', ours<EditsMessage>((message, binary) => this.#arrival.edits(message, binary))],
      ['snapshot', ours<SnapshotMessage>((message, binary) => this.#arrival.snapshot(message, binary))],
      ['presence', ours<PresenceMessage>(({ people }) => this.presence.apply(people))],
      ['doc:changed', ours<DocumentChanged>((change) => this.#changed(change))],
    ]
    for (const [event, handler] of this.#handlers) socket.on(event, handler)
    doc.on('update', this.#onUpdate)
    void this.#load()
  }

  get status(): ReadonlySignal<Status> {
    return this.#status
  }

  /** Title, role and the rest, as last heard. */
  get document(): ReadonlySignal<DocumentFacts | undefined> {
    return this.#document
  }

  /** The content may be shown. */
  get ready(): ReadonlySignal<boolean> {
    return this.#ready
  }

  /** What is written here will be sent. */
  get editable(): ReadonlySignal<boolean> {
    return this.#editable
  }

  get over(): ReadonlySignal<Ending | undefined> {
    return this.#over
  }

  /** Keeps at once what waits: the page may be about to go. */
  async keep(): Promise<void> {
    if (this.#loaded) await this.#keeper.keep()
  }

  /** Ends; what waits stays kept and goes with the next Provider of this document. */
  async close(): Promise<void> {
    if (this.#closed) return
    const keeping = this.keep()
    if (this.#socket.connected) this.#socket.emit('close', { doc: this.#copy.document })
    this.#dispose()
    await keeping
  }

  async #load(): Promise<void> {
    const { log, waiting } = await this.#keeper.load()
    if (this.#closed) return
    applyRemote(this.#doc, [...log.flatMap(({ updates }) => updates), ...waiting.map(({ update }) => update)])
    this.#outbox.adopt(waiting)
    this.#loaded = true
    const last = log.at(-1)
    if (last) {
      this.#arrival.cursor = last.cursor
      this.#learn(last.facts)
      this.#ready.value = true
    }
    this.#countWaiting()
    this.#keeper.soon()
    if (this.#socket.connected) this.#onConnect()
  }

  #onConnect(): void {
    if (!this.#loaded) return
    this.#tell({ type: 'connected' })
    this.#open()
  }

  #onLoss(): void {
    this.#opening += 1
    clearTimeout(this.#openTimer)
    this.#sender.stop()
    this.#arrival.stop()
    this.presence.lost()
    this.#tell({ type: 'disconnected' })
  }

  #open(): void {
    this.#sender.stop()
    this.#arrival.stop()
    clearTimeout(this.#openTimer)
    this.#outbox.sendHeldAgain()
    this.#countWaiting()
    if (!this.#socket.connected || this.#closed) return
    const opening = ++this.#opening
    const cursor = this.#arrival.cursor
    const request = { doc: this.#copy.document, schema: this.#schema, ...(cursor ? { cursor } : {}) }
    this.#socket.emit('open', request, (answer: OpenAnswer | Refused) => {
      if (opening !== this.#opening) return
      if (isRefused(answer)) this.#openRefused(answer.error)
      else this.#opened(answer)
    })
  }

  #opened(answer: OpenAnswer): void {
    this.#openFailures = 0
    if (answer.history === 'changed') return this.#endWithHistory()
    this.presence.opened(answer.connection, answer.present)
    this.#learn({ ...answer, trashed: answer.trashed ?? false }, answer.schema)
    if (this.#closed) return
    if (this.#arrival.open(answer)) this.#caughtUp()
    else this.#tell({ type: 'loading', progress: 0 })
  }

  /** The copy is complete: it may be shown, and what waits may go. */
  #caughtUp(): void {
    this.#ready.value = true
    this.#tell({ type: 'opened' })
    this.#sender.start()
  }

  #openRefused(refusal: Refusal): void {
    const { code, retry } = refusal
    if (retry === 'never') return this.#bar(code)
    if (code === 'unauthenticated') return this.#tell({ type: 'access', readOnly: 'signed-out' })
    if (code === 'trashed') this.#tell({ type: 'access', readOnly: 'trashed' })
    else this.#tell({ type: 'hindered', code })
    const longest = Math.min(OPEN_AGAIN_MS.first * 2 ** this.#openFailures, OPEN_AGAIN_MS.longest)
    this.#openFailures += 1
    this.#openTimer = setTimeout(() => this.#open(), longest * (0.5 + Math.random() / 2))
  }

  #onUpdate = (update: Uint8Array, _origin: unknown, _doc: Y.Doc, transaction: Y.Transaction): void => {
    if (!transaction.local || this.#closed) return
    const { readOnly } = this.#facts.value
    if (readOnly === 'role' || readOnly === 'outdated') {
      // The editor mends what it cannot show, even for a reader. That is nothing to send.
      this.#unsent = true
      return
    }
    this.#outbox.add(this.#doc.clientID, update)
    this.#countWaiting()
    this.#stopFrame ??= onNextFrame(() => this.#gathered())
    this.#keeper.soon()
  }

  #gathered(): void {
    this.#stopFrame = undefined
    this.#sender.pump()
  }

  #acknowledged(edit: Edit, answer: EditAnswer): void {
    this.#outbox.hold(edit, answer.seq ?? 0)
    this.#tell({ type: 'acknowledged' })
    this.#countWaiting()
    this.#arrival.acknowledged(answer, edit.update)
    this.#settle(this.#arrival.cursor?.seq ?? 0)
  }

  /** Acknowledged edits behind the cursor need not be kept any more. */
  #settle(seq: number): void {
    for (const edit of this.#outbox.settled(seq)) this.#keeper.acknowledged(edit)
  }

  #refused(edit: Edit, refusal: Refusal): void {
    const { code, retry } = refusal
    if (code === 'writer_taken') this.#endWithNewWriter(edit.client)
    else if (code === 'out_of_order') this.#endWithHistory()
    else if (code === 'unauthenticated') this.#tell({ type: 'access', readOnly: 'signed-out' })
    else if (code === 'trashed') this.#learn({ ...this.#document.value!, trashed: true })
    else if (retry === 'never') {
      this.#setWaitingAside(code)
      this.#end('edits refused')
    } else this.#sender.pauseAfter(refusal)
  }

  #changed({ title, role, trashed, schema, gone }: DocumentChanged): void {
    if (gone) return this.#bar('gone')
    if (role === null) return this.#bar('forbidden')
    const before = this.#document.value
    if (!before) return
    this.#learn(
      {
        ...before,
        title: title ?? before.title,
        role: role ?? before.role,
        trashed: trashed ?? before.trashed,
      },
      schema,
    )
    if (before.trashed && !trashed && this.#facts.value.opened) this.#sender.start()
  }

  #learn({ title, kind, role, trashed }: DocumentFacts, schema = 0): void {
    this.#document.value = { title, kind, role, trashed }
    const readOnly: ReadOnly | undefined = trashed
      ? 'trashed'
      : schema > this.#schema
        ? 'outdated'
        : role === 'viewer' || role === 'commenter'
          ? 'role'
          : undefined
    this.#tell({ type: 'access', readOnly })
    if (!readOnly && this.#unsent) this.#end('changes unsent')
  }

  /** L7: the server's log is another one now. The two are never merged. */
  #endWithHistory(): void {
    this.#outbox.sendHeldAgain()
    const waiting = this.#outbox.drain()
    const state = Y.encodeStateAsUpdate(this.#doc)
    const text = textOf(state)
    const aside =
      text === '' && waiting.length === 0 ? undefined : { ...this.#asideOf('history', text), state }
    this.#setAside(aside, waiting, { forgetLog: true })
    this.#end('history changed')
  }

  /** D3, never: what was not accepted leaves the document and stays with the person. */
  #setWaitingAside(code: string, { forgetLog = false } = {}): void {
    const waiting = this.#outbox.drain()
    const words = wordsIn(waiting.map(({ update }) => update))
    this.#setAside(waiting.length === 0 ? undefined : this.#asideOf(code, words), waiting, { forgetLog })
  }

  #setAside(aside: Aside | undefined, waiting: Edit[], forget: { forgetLog: boolean }): void {
    void this.#keeper.setAside(aside, waiting, forget)
    if (aside) this.#onAside(aside)
  }

  #asideOf(why: string, text: string): Aside {
    return { at: Date.now(), why, title: this.#document.value?.title ?? '', text }
  }

  /** W2: another person writes under our Yjs client id. What waits is written anew under one drawn now. */
  #endWithNewWriter(taken: number): void {
    const client = new Y.Doc().clientID
    const waiting = this.#outbox.drain()
    const anew = waiting.map((edit) => ({
      client: edit.client === taken ? client : edit.client,
      n: edit.n,
      update: renameClient(edit.update, taken, client),
    }))
    void this.#keeper.rewrite(waiting, anew)
    this.#end('writer taken')
  }

  /** This person may not see the document: nothing of it is shown or kept but their own waiting words. */
  #bar(code: string): void {
    this.#setWaitingAside(code, { forgetLog: true })
    this.#ready.value = false
    this.#tell({ type: 'waiting', count: 0 })
    this.#tell({ type: 'refused', code })
    this.#dispose()
  }

  #end(ending: Ending): void {
    this.#dispose()
    this.#over.value = ending
  }

  #dispose(): void {
    this.#closed = true
    this.#opening += 1
    clearTimeout(this.#openTimer)
    this.#stopFrame?.()
    for (const [event, handler] of this.#handlers) this.#socket.off(event, handler)
    this.#doc.off('update', this.#onUpdate)
    this.#sender.stop()
    this.#arrival.stop()
    this.#keeper.stop()
    this.presence.close()
  }

  #tell(happening: Happening): void {
    this.#facts.value = reduce(this.#facts.value, happening)
  }

  #countWaiting(): void {
    if (this.#facts.value.waiting !== this.#outbox.waiting) {
      this.#tell({ type: 'waiting', count: this.#outbox.waiting })
    }
  }

  /** The whole copy, if nothing waits: then it is made of acknowledged bytes only (D5). */
  #snapshot(): Stretch | undefined {
    const facts = this.#document.value
    const { cursor } = this.#arrival
    if (!facts || !cursor || this.#outbox.waiting > 0 || this.#outbox.holds || this.#unsent) return undefined
    this.#arrival.apply()
    return { after: undefined, cursor, updates: [Y.encodeStateAsUpdate(this.#doc)], facts }
  }
}
