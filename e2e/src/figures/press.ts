// A process full of writers who go as fast as the server acknowledges, 16 edits in flight each. Counts, and reports.
import { setTimeout as pause } from 'node:timers/promises'
import { LoadWriter } from '../load'
import type { Person } from '../people'

/** What the parent tells a press to do. */
export interface Order {
  url: string
  /** One writer for each. */
  seats: { doc: string; person: Person }[]
  warmUpMs: number
  countMs: number
}

const inFlight = 16
const editChars = 20

async function work({ url, seats, warmUpMs, countMs }: Order): Promise<void> {
  let saved = 0
  let pressing = true
  const writers = seats.map(({ doc }) => new LoadWriter(doc, editChars))
  await Promise.all(writers.map((writer, at) => writer.connect(url, seats[at]!.person)))
  process.send!('ready')
  await new Promise((resolve) => process.once('message', resolve))
  for (const writer of writers) {
    writer.onSaved = () => {
      saved++
      if (pressing) writer.write()
    }
    for (let n = 0; n < inFlight; n++) writer.write()
  }
  await pause(warmUpMs)
  const before = { saved, atMs: performance.now() }
  await pause(countMs)
  const durationMs = performance.now() - before.atMs
  process.send!({ editsPerSecond: ((saved - before.saved) / durationMs) * 1000 })
  pressing = false
  await Promise.all(writers.map(({ copy }) => copy.saved()))
  process.exit(0)
}

process.once('message', (order) => void work(order as Order))
