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
const calmMs = 15_000
const stoppedMs = 30_000
/** What two runs of the same thing may differ by on a busy machine. */
const noiseMs = 4
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

test('D6: twenty readers who stop for 30 s slow nobody, cost little memory, and converge when they wake', async () => {
  const server = await staged(Server.start())
  const link = await staged(Link.to(server.port))
  const people: Person[] = []
  for (const name of ['Ana', 'Bruno', 'Clara', 'Davi', 'Eva']) people.push(await signUp(server, name))
  const doc = await createDocument(server, people[0]!, 'text')

  const stopwatch = new Stopwatch()
  const writers = Array.from(
    { length: writersCount },
    (_, at) => new LoadWriter(doc, editChars, stopwatch, at % 10 === 0),
  )
  const news = new News()
  const readersOver = async (url: string) => {
    const readers = people.flatMap((person) =>
      Array.from({ length: readersCount / 2 / people.length }, () => new Reader(doc, person, news)),
    )
    await Promise.all(readers.map((reader) => reader.connect(url)))
    return readers
  }
  await Promise.all(writers.map((writer, at) => writer.connect(server.url, people[at % people.length]!)))
  const end = new AbortController()
  const writing = Promise.all(writers.map((writer) => writer.writeEvery(editEveryMs, end.signal)))

  await pause(calmMs)
  const calm = stopwatch.durationsMs.splice(0)
  console.log(`without stopped readers: ${latencies(calm)}`)

  // Half of them take nothing from the network any more; half take it and never say so.
  const deaf = await readersOver(link.url)
  const mute = await readersOver(server.url)
  const before = server.memory().bytes
  link.stop()
  for (const { copy } of mute) copy.confirms = false
  stopwatch.durationsMs = []
  await pause(stoppedMs)
  const disturbed = stopwatch.durationsMs.splice(0)
  const grownBytes = server.memory().peakBytes - before
  console.log(
    `beside stopped readers: ${latencies(disturbed)}; memory grew by ${(grownBytes / 1e6).toFixed(1)} MB`,
  )

  end.abort()
  await writing
  await Promise.all(writers.map(({ copy }) => copy.saved()))
  link.go()
  await Promise.all(deaf.map((reader) => reader.connect(link.url)))
  for (const { copy } of mute) copy.confirms = true
  const text = await exportedText(server, people[0]!, doc)
  for (const { copy } of [...deaf, ...mute]) {
    await news.until(() => copy.text.length >= text.length)
    expect(copy.text.toString() === text, 'a woken reader has the same text').toBe(true)
  }
  expect(disturbed.length / stoppedMs, 'as many edits are shown').toBeGreaterThan(
    (0.9 * calm.length) / calmMs,
  )
  expect(percentile(disturbed, 0.5)).toBeLessThan(1.5 * percentile(calm, 0.5) + noiseMs)
  expect(percentile(disturbed, 0.99)).toBeLessThan(1.5 * percentile(calm, 0.99) + 5 * noiseMs)
  expect(grownBytes).toBeLessThan(growthBytesMax)
})
