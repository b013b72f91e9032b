// What people really typed: recorded editing traces, and one made up in the same shape where they are absent.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import * as Y from 'yjs'
import type { Random } from './random'

/** At `position`, `deleted` characters go and `inserted` come. */
export type Patch = [position: number, deleted: number, inserted: string]

/** One keystroke of one of two people, made while they saw exactly what their own earlier ones and `seen` of the other's had made. */
export interface Keystroke {
  person: 0 | 1
  seen: number
  patches: Patch[]
}

/** Two people typing at once, in an order in which it could have happened. */
export interface Conversation {
  keystrokes: Keystroke[]
  endContent: string
}

const folder = process.env.SESODOCS_TRACES ?? join(import.meta.dirname, '../../../shared/data/editing-traces')

function recorded(name: string): unknown {
  const file = join(folder, `${name}.json.gz`)
  return existsSync(file) ? JSON.parse(gunzipSync(readFileSync(file)).toString()) : undefined
}

/** `friendsforever`, 26,078 keystrokes; or, where it is absent, a generated conversation. */
export function conversation(random: Random): Conversation {
  const trace = recorded('friendsforever') as ConcurrentTrace | undefined
  return trace ? read(trace) : generated(random, 8_000)
}

/** One person's 104,852 patches that make a paper; or, where the trace is absent, as many keys of a made-up one. */
export function paper(random: Random): Patch[] {
  const trace = recorded('automerge-paper') as { txns: { patches: Patch[] }[] } | undefined
  if (trace) return trace.txns.flatMap((txn) => txn.patches)
  let length = 0
  return Array.from({ length: 100_000 }, () => {
    const patch = keystroke(random, length)
    length += patch[2].length - patch[1]
    return patch
  })
}

interface ConcurrentTrace {
  endContent: string
  txns: { agent: 0 | 1; parents: number[]; patches: Patch[] }[]
}

/** Turns `parents` into how many of the other's keystrokes had been seen. Each person's keystrokes are a line. */
function read(trace: ConcurrentTrace): Conversation {
  const place: number[] = []
  const seen: number[] = []
  const count: [number, number] = [0, 0]
  trace.txns.forEach(({ agent, parents }, at) => {
    seen[at] = Math.max(0, ...parents.map((p) => (trace.txns[p]!.agent === agent ? seen[p]! : place[p]! + 1)))
    place[at] = count[agent]++
  })
  const keystrokes = trace.txns.map(({ agent, patches }, at) => ({ person: agent, seen: seen[at]!, patches }))
  return { keystrokes, endContent: trace.endContent }
}

/** Plays a conversation between two `Y.Doc`s in this process while it makes it up. */
function generated(random: Random, length: number): Conversation {
  const docs = [new Y.Doc(), new Y.Doc()] as const
  const sent: [Uint8Array[], Uint8Array[]] = [[], []]
  const applied = [0, 0] as [number, number]
  docs.forEach((doc, person) => {
    doc.clientID = person + 1
    doc.on('update', (update: Uint8Array, origin: unknown) => void (origin || sent[person]!.push(update)))
  })
  const catchUp = (person: 0 | 1, upTo: number) => {
    const other = sent[1 - person]!
    while (applied[person] < upTo) Y.applyUpdate(docs[person], other[applied[person]++]!, 'other')
  }
  const keystrokes = Array.from({ length }, (): Keystroke => {
    const person = random.below(2) as 0 | 1
    const behind = sent[1 - person]!.length - applied[person]
    if (random.below(10) === 0) catchUp(person, applied[person] + random.below(behind + 1))
    const text = docs[person].getText('text')
    const patch = keystroke(random, text.length)
    play(text, [patch])
    return { person, seen: applied[person], patches: [patch] }
  })
  for (const person of [0, 1] as const) catchUp(person, sent[1 - person]!.length)
  return { keystrokes, endContent: docs[0].getText('text').toString() }
}

/** Mostly a letter somewhere, at times a deletion: what one key does to a text of this length. */
function keystroke(random: Random, length: number): Patch {
  const position = random.below(length + 1)
  const deletes = position < length && random.below(5) === 0
  return [position, deletes ? 1 : 0, deletes ? '' : String.fromCharCode(97 + random.below(26))]
}

/** Makes the patches in the text, as one transaction. */
export function play(text: Y.Text, patches: Patch[]): void {
  text.doc!.transact(() => {
    for (const [position, deleted, inserted] of patches) {
      if (deleted) text.delete(position, deleted)
      if (inserted) text.insert(position, inserted)
    }
  })
}
