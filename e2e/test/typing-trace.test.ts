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
import { conversation, type Keystroke, type Patch, play } from '../src/trace'
import { Connection as PageConnection } from '../../web/src/collab/connection'
import { KeptInMemory } from '../../web/src/collab/kept'
import { OpenDocument } from '../../web/src/collab/open-document'

const kills = 10

/** Types one person's side, and sees the other's keystrokes only when the trace says so. */
class Player {
  readonly content = new Y.Doc()
  readonly copy: Copy
  readonly #person: Person
  readonly #news: News
  /** The other's edits in their order; those from `#applied` on were received but are held back. */
  readonly #theirs: Uint8Array[] = []
  #applied = 0
  /** Our own edits, to tell them from the other's where one entry holds both. */
  readonly #ours = new Set<string>()

  constructor(doc: string, person: Person, writer: number, news: News) {
    this.#person = person
    this.#news = news
    this.copy = new Copy(
      doc,
      { shown: (updates) => this.#shown(updates), saved: () => news.tell(), snapshot: noSnapshot },
      writer,
    )
    this.content.clientID = writer
    this.content.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin === 'theirs') return
      this.#ours.add(key(update))
      this.copy.edit(update)
    })
  }

  async connect(server: Server): Promise<void> {
    await this.copy.attach(await Connection.to(server.url, this.#person))
  }

  async type(keystrokes: Keystroke[]): Promise<void> {
    for (const { seen, patches } of keystrokes) {
      await this.#news.until(() => this.#theirs.length >= seen && this.copy.waiting < 16)
      this.#catchUp(seen)
      play(this.content.getText('text'), patches)
      this.#news.tell()
    }
    await this.copy.saved()
  }

  /** Waits for all of the other's keystrokes, and shows them. */
  async finish(theirs: number): Promise<string> {
    await this.#news.until(() => this.#theirs.length >= theirs)
    this.#catchUp(this.#theirs.length)
    return this.content.getText('text').toString()
  }

  #shown(updates: Uint8Array[]): void {
    this.#theirs.push(...updates.filter((update) => !this.#ours.has(key(update))))
    this.#news.tell()
  }

  #catchUp(upTo: number): void {
    while (this.#applied < upTo) Y.applyUpdate(this.content, this.#theirs[this.#applied++]!, 'theirs')
  }
}

const key = (update: Uint8Array) => Buffer.from(update).toString('latin1')

const noSnapshot = () => {
  throw new Error('a client that is nearly up to date was sent a snapshot')
}

test('W3, W8, D2: two people type 26,000 keys while the server is killed ten times, and every key counts once', async () => {
  const random = Random.seeded('typing trace')
  const { keystrokes, endContent } = conversation(random)
  const server = await staged(Server.start())
  const people = [await signUp(server, 'Ana'), await signUp(server, 'Bruno')] as const
  const doc = await createDocument(server, people[0], 'text')
  const news = new News()
  // Where both typed at one place, Yjs puts the smaller id first: only so is `endContent` the result.
  const players = [new Player(doc, people[0], 1, news), new Player(doc, people[1], 2, news)] as const
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
  expect(await players[0].finish(bruno.length)).toBe(endContent)
  expect(await players[1].finish(ana.length)).toBe(endContent)
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
  readonly #person: Person

  constructor(doc: string, person: Person, url: string, programToken: string, news: News) {
    this.#person = person
    this.#connection = new PageConnection({ url, token: programToken })
    this.document = new OpenDocument({
      socket: this.#connection.socket,
      document: doc,
      person,
      kept: new KeptInMemory(),
    })
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

  async end(): Promise<void> {
    expect(this.document.asides.value, `nothing of what ${this.#person.name} wrote was set aside`).toEqual([])
    await this.document.close()
    this.#connection.close()
  }
}

test("W8, D2: with the page's provider, ten kills leave both people and the server with the same text", async () => {
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
  expect(await exportedText(server, people[0], doc)).toBe(texts()[0])
})
