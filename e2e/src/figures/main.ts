// Prints what the server does on this machine: a table to compare builds with, not a test. Ends everything it started.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import * as Y from 'yjs'
import { Connection } from '../connection'
import { Copy, newWriter, TextCopy } from '../copy'
import { LoadWriter, Stopwatch } from '../load'
import { latencies } from '../measure'
import { News } from '../news'
import { createDocument, type Person, signUp } from '../people'
import { Random } from '../random'
import { Server } from '../server'
import { paper, play } from '../trace'
import type { Order } from './press'

const plenty = [
  '--max-connections-per-person',
  '10000',
  '--max-documents-per-person',
  '10000',
  '--max-bytes-per-second',
  '1000000000',
]

const line = (what: string, figure: string) => console.log(`${what.padEnd(58)} ${figure}`)

/** A new server with somebody on it, for as long as `measure` takes. */
async function on(measure: (server: Server, person: Person) => Promise<void>): Promise<void> {
  const server = await Server.start({ args: plenty })
  try {
    await measure(server, await signUp(server, 'Ana'))
  } finally {
    await server.end()
  }
}

/** Does it so many times, few at once: strangers who come in crowds are shown the door (B3). */
async function times<T>(count: number, work: (at: number) => Promise<T>): Promise<T[]> {
  const done: T[] = []
  while (done.length < count) {
    const few = Array.from({ length: Math.min(50, count - done.length) }, (_, at) => work(done.length + at))
    done.push(...(await Promise.all(few)))
  }
  return done
}

const documents = (server: Server, person: Person, count: number) =>
  times(count, () => createDocument(server, person, 'text'))

/** Edits a second that were acknowledged, of writers spread over these documents and over the cores. */
async function throughput(server: Server, person: Person, docs: string[], writers: number): Promise<number> {
  const seats = Array.from({ length: writers }, (_, at) => ({ doc: docs[at % docs.length]!, person }))
  const pressCount = Math.min(writers, cpus().length)
  const presses = Array.from({ length: pressCount }, () => fork(new URL('press.ts', import.meta.url)))
  await Promise.all(
    presses.map(async (press, at) => {
      const ready = once(press, 'message')
      const mine = seats.filter((_, seat) => seat % pressCount === at)
      press.send({ url: server.url, seats: mine, warmUpMs: 1_000, countMs: 5_000 } satisfies Order)
      await ready
    }),
  )
  const reports = presses.map((press) => once(press, 'message') as Promise<[{ editsPerSecond: number }]>)
  for (const press of presses) press.send('go')
  const rates = (await Promise.all(reports)).map(([{ editsPerSecond }]) => editsPerSecond)
  await Promise.all(presses.map((press) => press.exitCode ?? once(press, 'exit')))
  return rates.reduce((sum, rate) => sum + rate, 0)
}

async function durableEdits(): Promise<void> {
  for (const writers of [1, 20, 200]) {
    await on(async (server, person) => {
      const apart = await throughput(server, person, await documents(server, person, writers), writers)
      line(`durable edits/s, ${writers} writers, each in a document`, apart.toFixed(0))
      if (writers === 1) return
      const together = await throughput(server, person, await documents(server, person, 1), writers)
      line(`durable edits/s, ${writers} writers in one document`, together.toFixed(0))
    })
  }
}

/** Somebody types, somebody else sees it: at a pace, with so many writers in one document. */
async function editToOther(writersCount: number, everyMs: number): Promise<void> {
  await on(async (server, person) => {
    const [doc] = await documents(server, person, 1)
    const stopwatch = new Stopwatch()
    const watcher = new Copy(doc!, { shown: (updates) => stopwatch.shown(updates) })
    await watcher.attach(await Connection.to(server.url, person))
    const writers = Array.from({ length: writersCount }, () => new LoadWriter(doc!, 5, stopwatch))
    await Promise.all(writers.map((writer) => writer.connect(server.url, person)))
    const end = new AbortController()
    const writing = writers.map((writer) => writer.writeEvery(everyMs, end.signal))
    await pause(10_000)
    end.abort()
    await Promise.all(writing)
    const rate = (writersCount * 1000) / everyMs
    line(`edit to other person, ${writersCount} writers, ${rate} edits/s`, latencies(stopwatch.durationsMs))
  })
}

async function memory(): Promise<void> {
  const count = 1_000
  await on(async (server, person) => {
    const docs = await documents(server, person, count)
    const filling = await Connection.to(server.url, person)
    for (const doc of docs) {
      const copy = new TextCopy(doc)
      await copy.attach(filling)
      for (let at = 0; at < 100; at++) copy.text.insert(copy.text.length, 'x'.repeat(100))
      await copy.saved()
      copy.detach()
    }
    await server.kill()
    await server.restart()
    const perThing = async (what: string, open: () => Promise<unknown>) => {
      const before = server.memory().bytes
      await open()
      line(what, `${((server.memory().bytes - before) / count).toFixed(0)} bytes`)
    }
    const reader = await Connection.to(server.url, person)
    const sitIn = async () => (await Connection.to(server.url, person)).ask('open', { doc: docs[0] })
    await reader.ask('open', { doc: docs[0] })
    await perThing('server memory per open document of 10 KB', () =>
      times(count, (at) => reader.ask('open', { doc: docs[at] })),
    )
    await perThing('server memory per idle client in one document', () => times(count, sitIn))
  })
}

/** The paper is written edit by edit, as it was typed; then somebody opens it who has nothing. */
async function openPaper(): Promise<void> {
  await on(async (server, person) => {
    const [doc] = await documents(server, person, 1)
    const copy = new Copy(doc!)
    const content = new Y.Doc()
    content.clientID = copy.writer
    content.on('update', (update: Uint8Array) => void copy.edit(update))
    await copy.attach(await Connection.to(server.url, person))
    const patches = paper(new Random(1))
    const startedMs = performance.now()
    for (const [at, patch] of patches.entries()) {
      play(content.getText('text'), [patch])
      if (at % 1_000 === 0) await copy.saved()
    }
    await copy.saved()
    line(
      `writing the paper, ${patches.length} edits by one writer`,
      `${((performance.now() - startedMs) / 1000).toFixed(1)} s`,
    )
    await timeToOpen('warm', server, person, doc!)
    await server.kill()
    await server.restart()
    await timeToOpen('first after a start', server, person, doc!)
  })
}

async function timeToOpen(which: string, server: Server, person: Person, doc: string): Promise<void> {
  const news = new News()
  let bytes = 0
  const took = (updates: Uint8Array[]) => {
    for (const update of updates) bytes += update.length
    news.tell()
  }
  const copy = new TextCopy(doc, { shown: took, snapshot: (snapshot) => took([snapshot]) }, newWriter())
  const connection = await Connection.to(server.url, person)
  const startedMs = performance.now()
  const { head } = await copy.attach(connection)
  const answeredMs = performance.now() - startedMs
  await news.until(() => (copy.cursor?.seq ?? 0) >= head)
  const completeMs = performance.now() - startedMs
  const figure = `${completeMs.toFixed(0)} ms (answer after ${answeredMs.toFixed(0)} ms, ${(bytes / 1024).toFixed(0)} KiB)`
  line(`opening the paper, ${which}, ${copy.text.length} characters`, figure)
  connection.close()
}

console.log('The writers run on the same machine: with many of them they may be the limit, not the server.')
const figures = {
  durable: durableEdits,
  latency: () => editToOther(1, 100).then(() => editToOther(20, 100)),
  memory,
  paper: openPaper,
}
const asked = process.argv.slice(2)
for (const [name, print] of Object.entries(figures)) {
  if (asked.length === 0 || asked.includes(name)) await print()
}
process.exit(0)
