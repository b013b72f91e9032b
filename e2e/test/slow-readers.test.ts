// Readers who stop reading: they cost the others no time and the server no memory, and catch up when they wake.
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Connection } from '../src/connection'
import { TextCopy } from '../src/copy'
import { Link } from '../src/link'
import { LoadWriter, Stopwatch } from '../src/load'
import { latencies, percentile } from '../src/measure'
import { News } from '../src/news'
import { createDocument, exportedText, type Person, signUp } from '../src/people'
import { Server } from '../src/server'
import { staged } from '../src/stage'

const writersCount = 50
const readersCount = 20
const editEveryMs = 500
const editChars = 1_000
const runMs = 30_000
/** What two runs of the same thing may differ by on a busy machine. */
const noiseMs = 5
const growthBytesMax = 64 * 1024 * 1024

/** Somebody who only reads. */
class Reader {
  readonly copy: TextCopy
  readonly #person: Person

  constructor(doc: string, person: Person, news: News) {
    this.#person = person
    this.copy = new TextCopy(doc, { shown: () => news.tell(), snapshot: () => news.tell() })
  }

  async connect(url: string): Promise<void> {
    await this.copy.attach(await Connection.to(url, this.#person))
  }
}

/** Fifty people who write into one document for a while, and what they experience. */
class Crowd {
  readonly doc: string
  readonly #stopwatch = new Stopwatch()
  readonly #writers: LoadWriter[]

  private constructor(doc: string) {
    this.doc = doc
    this.#writers = Array.from(
      { length: writersCount },
      (_, at) => new LoadWriter(doc, editChars, this.#stopwatch, at % 10 === 0),
    )
  }

  static async gather(server: Server, people: Person[]): Promise<Crowd> {
    const crowd = new Crowd(await createDocument(server, people[0]!, 'text'))
    await Promise.all(
      crowd.#writers.map((writer, at) => writer.connect(server.url, people[at % people.length]!)),
    )
    return crowd
  }

  /** Resolves with how long each edit took to reach somebody else, once all are saved and everybody has left. */
  async write(): Promise<number[]> {
    const end = new AbortController()
    const writing = this.#writers.map((writer) => writer.writeEvery(editEveryMs, end.signal))
    await pause(runMs)
    end.abort()
    await Promise.all(writing)
    await Promise.all(this.#writers.map(({ copy }) => copy.saved()))
    for (const writer of this.#writers) writer.leave()
    return this.#stopwatch.durationsMs
  }
}

test('D6: twenty readers who stop for 30 s slow nobody, cost little memory, and converge when they wake', async () => {
  const server = await staged(Server.start())
  const link = await staged(Link.to(server.port))
  const people: Person[] = []
  for (const name of ['Ana', 'Bruno', 'Clara', 'Davi', 'Eva']) people.push(await signUp(server, name))
  const calm = await (await Crowd.gather(server, people)).write()
  console.log(`without stopped readers: ${latencies(calm)}`)

  const crowd = await Crowd.gather(server, people)
  const news = new News()
  const readersOver = async (url: string) => {
    const seats = Array.from({ length: readersCount / 2 }, (_, at) => people[at % people.length]!)
    const readers = seats.map((person) => new Reader(crowd.doc, person, news))
    await Promise.all(readers.map((reader) => reader.connect(url)))
    return readers
  }
  // Half of them take nothing from the network any more; half take it and never say so.
  const deaf = await readersOver(link.url)
  const mute = await readersOver(server.url)
  const before = server.memory().bytes
  link.stop()
  for (const { copy } of mute) copy.confirms = false
  const disturbed = await crowd.write()
  const grownBytes = server.memory().peakBytes - before
  console.log(
    `beside stopped readers: ${latencies(disturbed)}; memory grew by ${(grownBytes / 1e6).toFixed(1)} MB`,
  )

  link.go()
  await Promise.all(deaf.map((reader) => reader.connect(link.url)))
  for (const { copy } of mute) copy.confirms = true
  const text = await exportedText(server, people[0]!, crowd.doc)
  for (const { copy } of [...deaf, ...mute]) {
    await news.until(() => copy.text.length >= text.length)
    expect(copy.text.toString() === text, 'a woken reader has the same text').toBe(true)
  }
  expect(disturbed.length, 'as many edits are shown').toBeGreaterThan(0.9 * calm.length)
  expect(percentile(disturbed, 0.5)).toBeLessThan(1.5 * percentile(calm, 0.5) + noiseMs)
  expect(percentile(disturbed, 0.99)).toBeLessThan(1.5 * percentile(calm, 0.99) + 10 * noiseMs)
  expect(grownBytes).toBeLessThan(growthBytesMax)
})
