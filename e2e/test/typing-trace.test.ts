// Real typing by two people, through a server that is killed ten times: every character once, in the right place.
import { setImmediate as immediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { Connection } from '../src/connection'
import { Copy } from '../src/copy'
import { News } from '../src/news'
import { createDocument, exportedText, type Person, signUp, token } from '../src/people'
import { Random } from '../src/random'
import { Server } from '../src/server'
import { staged } from '../src/stage'
import { conversation, type Keystroke, type Patch, play, rehearse, writers } from '../src/trace'
import { Connection as PageConnection } from '../../web/src/collab/connection'
import { KeptInMemory } from '../../web/src/collab/kept'
import { OpenDocument, type OpenDocumentOptions } from '../../web/src/collab/open-document'

const kills = 10

/** Types one person's side, and sees the other's keystrokes only when the trace says so. */
class Player {
  readonly content = new Y.Doc()
  readonly copy: Copy
  readonly #person: Person
  readonly #news: News
  readonly #ours: Set<string>
  readonly #theirs: Uint8Array[]
  /** How many of the other's edits were received, and how many of those are not held back any more. */
  #received = 0
  #applied = 0

  constructor(doc: string, person: Person, at: 0 | 1, updates: Uint8Array[][], news: News) {
    this.#person = person
    this.#news = news
    this.#ours = new Set(updates[at]!.map(key))
    this.#theirs = updates[1 - at]!
    const shown = (edits: Uint8Array[]) => this.#shown(edits)
    const snapshot = (bytes: Uint8Array) => this.#snapshot(bytes)
    this.copy = new Copy(doc, { shown, snapshot, saved: () => news.tell() }, writers[at])
    this.content.clientID = writers[at]
    this.content.on(
      'update',
      (update: Uint8Array, origin: unknown) => void (origin ?? this.copy.edit(update)),
    )
  }

  async connect(server: Server): Promise<void> {
    await this.copy.attach(await Connection.to(server.url, this.#person))
  }

  async type(keystrokes: Keystroke[]): Promise<void> {
    for (const { seen, patches } of keystrokes) {
      await this.#news.until(() => this.#received >= seen && this.copy.waiting < 16)
      this.#catchUp(seen)
      play(this.content.getText('text'), patches)
      this.#news.tell()
    }
    await this.copy.saved()
  }

  /** Waits for all of the other's keystrokes, and shows them. */
  async finish(): Promise<string> {
    await this.#news.until(() => this.#received === this.#theirs.length)
    this.#catchUp(this.#received)
    return this.content.getText('text').toString()
  }

  /** Byte for byte, once, and in order: or it is not what the other typed. */
  #shown(edits: Uint8Array[]): void {
    for (const edit of edits.map(key).filter((edit) => !this.#ours.has(edit))) {
      const expected = this.#theirs[this.#received++]
      if (!expected || edit !== key(expected)) {
        this.#news.fail(
          new Error(`${this.#person.name} was not shown the other's edit ${this.#received}, but another`),
        )
      }
    }
    this.#news.tell()
  }

  /** Rare: the log was compacted just when the server was killed. */
  #snapshot(bytes: Uint8Array): void {
    const state = new Y.Doc()
    Y.applyUpdate(state, bytes)
    const seen = Y.snapshot(state)
    while (
      this.#received < this.#theirs.length &&
      Y.snapshotContainsUpdate(seen, this.#theirs[this.#received]!)
    ) {
      this.#received++
    }
    this.#news.tell()
  }

  #catchUp(upTo: number): void {
    while (this.#applied < upTo) Y.applyUpdate(this.content, this.#theirs[this.#applied++]!, 'theirs')
  }
}

const key = (update: Uint8Array) => Buffer.from(update).toString('latin1')

test('W3, W8, D2: two people type 26,000 keys while the server is killed ten times, and every key counts once', async () => {
  const random = Random.seeded('typing trace')
  const { keystrokes, endContent } = conversation(random)
  const server = await staged(Server.start())
  const people = [await signUp(server, 'Ana'), await signUp(server, 'Bruno')] as const
  const doc = await createDocument(server, people[0], 'text')
  const news = new News()
  const updates = rehearse(keystrokes)
  const players = [
    new Player(doc, people[0], 0, updates, news),
    new Player(doc, people[1], 1, updates, news),
  ] as const
  const connect = () => Promise.all(players.map((player) => player.connect(server)))
  const typed = () => players[0].copy.made + players[1].copy.made

  const moments = Array.from({ length: kills }, () => random.below(keystrokes.length)).sort((a, b) => a - b)
  const disturb = async () => {
    for (const moment of moments) {
      await news.until(() => typed() >= moment)
      await server.kill()
      console.log(`killed after ${typed()} keys, ${players.map(({ copy }) => copy.waiting)} on their way`)
      await server.restart()
      await connect()
    }
  }

  await connect()
  const [ana, bruno] = [0, 1].map((person) => keystrokes.filter((k) => k.person === person)) as [
    Keystroke[],
    Keystroke[],
  ]
  await Promise.all([players[0].type(ana), players[1].type(bruno), disturb()])
  expect(await players[0].finish()).toBe(endContent)
  expect(await players[1].finish()).toBe(endContent)
  expect(await exportedText(server, people[0], doc)).toBe(endContent)
  expect(players.map(({ copy }) => copy.gaps)).toEqual(Array(2).fill({ frames: 0, repeats: 0 }))

  await server.kill()
  await server.restart()
  expect(await exportedText(server, people[1], doc)).toBe(endContent)
})

/** One person at the page's own provider, as it runs in a browser. */
class ProviderPlayer {
  readonly document: OpenDocument
  readonly #connection: PageConnection
  readonly #options: Pick<OpenDocumentOptions, 'document' | 'person' | 'kept'>

  constructor(document: string, person: Person, url: string, programToken: string, news: News) {
    this.#connection = new PageConnection({ url, token: programToken })
    this.#options = { document, person, kept: new KeptInMemory() }
    this.document = new OpenDocument({ socket: this.#connection.socket, ...this.#options })
    this.document.pair.value.doc.on('update', () => news.tell())
    this.document.pair.value.provider.status.subscribe(() => news.tell())
  }

  get text(): Y.Text {
    return this.document.pair.value.doc.getText('text')
  }

  get status(): string {
    return this.document.pair.value.provider.status.value.kind
  }

  /** Types where the cursor would be if the text had not changed in between: nothing is held back here. */
  type(patches: Patch[]): void {
    const { text } = this
    for (const [position, deleted, inserted] of patches) {
      const at = Math.min(position, text.length)
      play(text, [[at, Math.min(deleted, text.length - at), inserted]])
    }
  }

  /** Closes the document, and opens what was kept of it where there is no server. */
  async openOffline(): Promise<string> {
    await this.document.close()
    this.#connection.close()
    const again = new OpenDocument({ socket: this.#connection.socket, ...this.#options })
    const { provider, doc } = again.pair.value
    const news = new News()
    provider.ready.subscribe(() => news.tell())
    await news.until(() => provider.ready.value)
    return doc.getText('text').toString()
  }

  async end(): Promise<void> {
    await this.document.close()
    this.#connection.close()
  }
}

test("W8, D2, D5: with the page's provider, ten kills leave both people, the server and what is kept with the same text", async () => {
  const random = Random.seeded('typing with the provider')
  const { keystrokes } = conversation(random)
  const server = await staged(Server.start())
  const people = [await signUp(server, 'Ana'), await signUp(server, 'Bruno')] as const
  const doc = await createDocument(server, people[0], 'text')
  const news = new News()
  const sit = async (person: Person) =>
    new ProviderPlayer(doc, person, server.url, await token(server, person.name), news)
  const players = [await staged(sit(people[0])), await staged(sit(people[1]))] as const
  const bothSay = (status: RegExp) => news.until(() => players.every((player) => status.test(player.status)))

  const cut = async () => {
    await server.kill()
    await bothSay(/offline/)
    await server.restart()
    await bothSay(/saved|saving/)
  }
  await bothSay(/saved/)
  const moments = new Set(Array.from({ length: kills }, () => random.below(keystrokes.length)))
  let cutting = Promise.resolve()
  for (const [at, { person, patches }] of keystrokes.entries()) {
    if (moments.has(at)) {
      await cutting
      cutting = cut()
    }
    players[person].type(patches)
    if (random.below(4) === 0) await immediate()
  }
  await cutting
  const texts = () => players.map(({ text }) => text.toString())
  await bothSay(/saved/)
  await news.until(() => texts()[0] === texts()[1])
  const [text] = texts()
  expect(await exportedText(server, people[0], doc)).toBe(text)
  for (const player of players) {
    expect(player.document.asides.value, 'what was set aside').toEqual([])
    expect(await player.openOffline(), 'D5: the kept copy').toBe(text)
  }
})

test('D2, D5: entries that one person filled alone, several edits in each, are kept whole', async () => {
  const server = await staged(Server.start())
  const ana = await signUp(server, 'Ana')
  const doc = await createDocument(server, ana, 'text')
  const news = new News()
  const player = await staged(
    token(server, ana.name).then((program) => new ProviderPlayer(doc, ana, server.url, program, news)),
  )
  await news.until(() => player.status === 'saved')
  for (let at = 0; at < 500; at++) {
    player.type([[at, 0, 'x']])
    await immediate()
  }
  await news.until(() => player.status === 'saved')
  expect(await player.openOffline()).toBe('x'.repeat(500))
})
