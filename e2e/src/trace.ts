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

/** Two `Y.Doc`s in this process, who see of each other what they are told to. Yjs puts the smaller id first. */
class Rehearsal {
  readonly docs = [new Y.Doc(), new Y.Doc()] as const
  readonly updates: [Uint8Array[], Uint8Array[]] = [[], []]
  readonly seen: [number, number] = [0, 0]

  constructor() {
    this.docs.forEach((doc, person) => {
      doc.clientID = writers[person]!
      doc.on(
        'update',
        (update: Uint8Array, origin: unknown) => void (origin || this.updates[person]!.push(update)),
      )
    })
  }

  text(person: 0 | 1): Y.Text {
    return this.docs[person].getText('text')
  }

  catchUp(person: 0 | 1, seen: number): void {
    const theirs = this.updates[1 - person]!
    while (this.seen[person] < seen) Y.applyUpdate(this.docs[person], theirs[this.seen[person]++]!, 'theirs')
  }
}

/** The Yjs client ids of the two: where both typed at one place, `endContent` has the first person's text first. */
export const writers = [1, 2] as const

/** The updates that a conversation consists of, by person and in order: Yjs always makes the same ones. */
export function rehearse(keystrokes: Keystroke[]): [Uint8Array[], Uint8Array[]] {
  const rehearsal = new Rehearsal()
  for (const { person, seen, patches } of keystrokes) {
    rehearsal.catchUp(person, seen)
    play(rehearsal.text(person), patches)
  }
  return rehearsal.updates
}

/** Makes a conversation up while it is played. */
function generated(random: Random, length: number): Conversation {
  const rehearsal = new Rehearsal()
  const keystrokes = Array.from({ length }, (): Keystroke => {
    const person = random.below(2) as 0 | 1
    const behind = rehearsal.updates[1 - person]!.length - rehearsal.seen[person]
    if (random.below(10) === 0) rehearsal.catchUp(person, rehearsal.seen[person] + random.below(behind + 1))
    const patch = keystroke(random, rehearsal.text(person).length)
    play(rehearsal.text(person), [patch])
    return { person, seen: rehearsal.seen[person], patches: [patch] }
  })
  for (const person of [0, 1] as const) rehearsal.catchUp(person, rehearsal.updates[1 - person]!.length)
  return { keystrokes, endContent: rehearsal.text(0).toString() }
}

/** Mostly a letter somewhere, at times a deletion: what one key does to a text of this length. */
function keystroke(random: Random, length: number): Patch {
  const position = random.below(length + 1)
  const deletes = position < length && random.below(5) === 0
  return deletes ? [position, 1, ''] : [position, 0, String.fromCharCode(97 + random.below(26))]
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
