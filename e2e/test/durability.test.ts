// A hundred power cuts under twenty writers. The witness lives outside the server: it notes what was acknowledged
// and what was shown, and looks for it after each cut.
import { setInterval, setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Connection } from '../src/connection'
import { TextCopy } from '../src/copy'
import { News } from '../src/news'
import { createDocument, exportedText, type Person, signUp } from '../src/people'
import { Random } from '../src/random'
import { Server } from '../src/server'
import { staged } from '../src/stage'
import { slowDisk } from '../src/trouble'

const kills = 100
const documentsCount = 5
const writersPerDocument = 4
const editEveryMs = 100

/** One edit, and what the world was told of it. */
interface Deed {
  mark: string
  /** Whether it writes the mark or deletes it. */
  deletes: boolean
  saved: boolean
  shown: boolean
}

/** What everybody did to one document, in this process's memory. */
class Witness {
  readonly #deeds = new Map<string, Deed>()
  readonly losses: string[]

  constructor(losses: string[]) {
    this.losses = losses
  }

  made(update: Uint8Array, mark: string, deletes: boolean): Deed {
    const deed = { mark, deletes, saved: false, shown: false }
    this.#deeds.set(key(update), deed)
    return deed
  }

  /** Somebody other than the author was shown these. */
  saw(updates: Uint8Array[], own: Set<Deed>): void {
    for (const update of updates) {
      const deed = this.#deeds.get(key(update))
      if (!deed) this.losses.push('the server showed an edit that nobody made')
      else if (!own.has(deed)) deed.shown = true
    }
  }

  /** What is promised at this moment, to be held against a text that is read later. */
  promises(): Deed[] {
    return [...this.#deeds.values()].filter((deed) => deed.saved || deed.shown).map((deed) => ({ ...deed }))
  }

  /** The ways in which the text breaks what was promised. Marks that were deleted in the meantime may be gone. */
  broken(promised: Deed[], text: string): string[] {
    const count = new Map<string, number>()
    for (const mark of marksIn(text)) count.set(mark, (count.get(mark) ?? 0) + 1)
    const deletedSince = new Set(
      [...this.#deeds.values()].filter((deed) => deed.deletes).map(({ mark }) => mark),
    )
    return promised.flatMap(({ mark, deletes, saved }) => {
      const times = count.get(mark) ?? 0
      const told = saved ? 'acknowledged' : 'shown'
      if (deletes) return times > 0 ? [`the ${told} deletion of ${mark} was lost`] : []
      if (times > 1) return [`${mark} is there ${times} times`]
      return times === 1 || deletedSince.has(mark) ? [] : [`the ${told} ${mark} was lost`]
    })
  }

  /** The marks that must remain once everything is saved. */
  remaining(): string[] {
    const deeds = [...this.#deeds.values()]
    const deleted = new Set(deeds.filter((deed) => deed.deletes).map(({ mark }) => mark))
    return deeds.filter((deed) => !deleted.has(deed.mark)).map(({ mark }) => mark)
  }
}

/** Whole marks and what is left of broken ones. */
const marksIn = (text: string): string[] => text.match(/<[^<]*/g) ?? []

const key = (update: Uint8Array) => Buffer.from(update).toString('latin1')

/** Writes a new mark every 100 ms, or deletes one of its own, whether the server is there or not. */
class Writer {
  readonly copy: TextCopy
  readonly #person: Person
  readonly #witness: Witness
  readonly #random: Random
  readonly #name: string
  readonly #deeds: Deed[] = []
  readonly #own = new Set<Deed>()

  constructor(name: string, doc: string, person: Person, witness: Witness, random: Random) {
    this.#name = name
    this.#person = person
    this.#witness = witness
    this.#random = random
    this.copy = new TextCopy(doc, {
      shown: (updates) => witness.saw(updates, this.#own),
      saved: (n) => (this.#deeds[n - 1]!.saved = true),
    })
    this.copy.content.on(
      'update',
      (update: Uint8Array, origin: unknown) => origin === 'server' || this.#note(update),
    )
  }

  async connect(server: Server): Promise<void> {
    const { history } = await this.copy.attach(await Connection.to(server.url, this.#person))
    if (history) this.#witness.losses.push(`${this.#name} was shown a log that is not there any more`)
  }

  async write(until: AbortSignal): Promise<void> {
    await pause(this.#random.below(editEveryMs))
    for await (const _ of setInterval(editEveryMs)) {
      if (until.aborted) return
      const taken = this.#random.below(4) === 0 ? this.#anOwnMark() : undefined
      if (taken) this.#edit(taken, true)
      else this.#edit(`<${this.#name}.${this.#deeds.length}>`, false)
    }
  }

  #next: { mark: string; deletes: boolean } | undefined

  #edit(mark: string, deletes: boolean): void {
    const { text } = this.copy
    this.#next = { mark, deletes }
    if (deletes) text.delete(text.toString().indexOf(mark), mark.length)
    else text.insert(text.length, mark)
  }

  /** Called by the document while it changes: before the server can have answered. */
  #note(update: Uint8Array): void {
    const { mark, deletes } = this.#next!
    const deed = this.#witness.made(update, mark, deletes)
    this.#deeds.push(deed)
    this.#own.add(deed)
  }

  #anOwnMark(): string | undefined {
    const marks = this.copy.text.toString().match(new RegExp(`<${this.#name}\\.\\d+>`, 'g')) ?? []
    return marks[this.#random.below(marks.length)]
  }
}

test('D1, L1, W3, W4: a hundred kill -9 under twenty writers lose nothing that was acknowledged or shown', async () => {
  const random = Random.seeded('durability')
  const server = await staged(Server.start())
  const losses: string[] = []
  const people: Person[] = []
  for (const name of ['Ana', 'Bruno', 'Clara', 'Davi']) people.push(await signUp(server, name))
  const witnesses = new Map<string, Witness>()
  for (let at = 0; at < documentsCount; at++) {
    witnesses.set(await createDocument(server, people[0]!, 'text'), new Witness(losses))
  }
  const writers = [...witnesses].flatMap(([doc, witness], at) =>
    people
      .slice(0, writersPerDocument)
      .map((person, i) => new Writer(`${at}-${i}`, doc, person, witness, random)),
  )
  const connect = () => Promise.all(writers.map((writer) => writer.connect(server)))

  /** Opens every document as somebody who has nothing, and compares. */
  const look = async (): Promise<void> => {
    const promised = [...witnesses].map(([doc, witness]) => ({ doc, witness, deeds: witness.promises() }))
    const stranger = await Connection.to(server.url, people[0]!)
    for (const { doc, witness, deeds } of promised) {
      const news = new News()
      const shown = (updates: Uint8Array[]) => {
        witness.saw(updates, new Set())
        news.tell()
      }
      const fresh = new TextCopy(doc, { shown, snapshot: () => news.tell() })
      const { head } = await fresh.attach(stranger)
      const complete = news.until(() => (fresh.cursor?.seq ?? 0) >= head)
      await Promise.race([complete, stranger.closed.then((why) => Promise.reject(new Error(why)))])
      losses.push(...witness.broken(deeds, fresh.text.toString()))
    }
    stranger.close()
  }

  await connect()
  const end = new AbortController()
  const writing = Promise.all(writers.map((writer) => writer.write(end.signal)))
  for (let cut = 1, hasty = false; cut <= kills; cut++) {
    await pause(random.below(hasty ? 40 : 500))
    await server.kill()
    await server.restart()
    const comingBack = Promise.all([connect(), look()])
    // At times the next cut comes while they are all on their way back.
    hasty = random.below(5) === 0
    if (hasty) comingBack.catch(() => {})
    else await comingBack
    expect(losses).toEqual([])
    if (cut % 10 === 0)
      console.log(`${cut} kills, ${writers.reduce((sum, { copy }) => sum + copy.made, 0)} edits`)
  }
  end.abort()
  await writing
  await server.kill()
  await server.restart()
  await connect()
  await Promise.all(writers.map((writer) => writer.copy.saved()))
  await look()
  expect(losses).toEqual([])
  for (const [doc, witness] of witnesses) {
    const text = await exportedText(server, people[0]!, doc)
    expect(marksIn(text).sort()).toEqual(witness.remaining().sort())
  }
  expect(writers.map(({ copy }) => copy.gaps.frames + copy.gaps.repeats)).toEqual(writers.map(() => 0))
})

test('D1: while the disk has not synced, nobody is told that an edit is saved, and nobody else sees it', async () => {
  const server = await staged(Server.start())
  const people = [await signUp(server, 'Ana'), await signUp(server, 'Bruno')] as const
  const doc = await createDocument(server, people[0], 'text')
  const told = new News()
  const toldAtMs: Record<string, number> = {}
  const note = (what: string) => () => {
    toldAtMs[what] ??= performance.now()
    told.tell()
  }
  const author = new TextCopy(doc, { saved: note('saved') })
  const reader = new TextCopy(doc, { shown: note('shown') })
  await author.attach(await Connection.to(server.url, people[0]))
  await reader.attach(await Connection.to(server.url, people[1]))
  await staged(slowDisk(server, 1_500))
  const madeAtMs = performance.now()
  author.text.insert(0, 'soon')
  await told.until(() => 'saved' in toldAtMs && 'shown' in toldAtMs)
  for (const [what, atMs] of Object.entries(toldAtMs)) expect(atMs - madeAtMs, what).toBeGreaterThan(1_500)
})
