// What the server sends, piece by piece: the cursor, gaps, parts, confirmations (D2, D6). The socket only notes what is emitted.
import * as encoding from 'lib0/encoding'
import { beforeEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { Arrival } from './arrival'
import type { LiveSocket } from './connection'
import type { Cursor, OpenAnswer } from './wire'

/** A document of somebody else, and each of their edits. */
function theirEdits(...words: string[]): Uint8Array[] {
  const doc = new Y.Doc()
  const edits: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => edits.push(update))
  for (const word of words) doc.getText('text').insert(doc.getText('text').length, word)
  return edits
}

function attachment(...updates: Uint8Array[]): Uint8Array {
  const encoder = encoding.createEncoder()
  updates.forEach((update) => encoding.writeVarUint8Array(encoder, update))
  return encoding.toUint8Array(encoder)
}

const answer = (seq: number, rest: Partial<OpenAnswer> = {}): OpenAnswer => ({
  doc: 'd',
  title: '',
  kind: 'rich',
  role: 'editor',
  schema: 1,
  window: 262_144,
  head: seq,
  connection: 1,
  present: [],
  seq,
  tag: `t${seq}`,
  ...rest,
})

const at = (from: number, seq: number) => ({ doc: 'd', from, seq, tag: `t${seq}` })

describe('what arrives', () => {
  let doc: Y.Doc
  let arrival: Arrival
  let gaps: number
  let sent: unknown[]
  let progress: (number | 'complete')[]
  let log: { after: Cursor | undefined; cursor: Cursor; updates: readonly Uint8Array[] }[]

  beforeEach(() => {
    doc = new Y.Doc()
    gaps = 0
    sent = []
    progress = []
    log = []
    const socket = { emit: (...message: unknown[]) => sent.push(message) } as unknown as LiveSocket
    arrival = new Arrival(socket, 'd', doc, {
      gap: () => (gaps += 1),
      progress: (share) => progress.push(share),
      complete: () => progress.push('complete'),
      moved: (after, cursor, updates) => log.push({ after, cursor, updates }),
    })
    return () => arrival.stop()
  })

  /** What a copy would be that is made of the log alone. */
  const logged = (): string => {
    const copy = new Y.Doc()
    for (const { updates } of log) updates.forEach((update) => Y.applyUpdate(copy, update))
    return copy.getText('text').toString()
  }

  const text = (): string => {
    arrival.apply()
    return doc.getText('text').toString()
  }

  test('D2: moves the cursor once and in order, ignores what is old, and asks again at a gap', () => {
    const [a, b, c] = theirEdits('a', 'b', 'c')
    arrival.open(answer(1, { updates: attachment(a!) }))
    arrival.edits(at(0, 1), attachment(a!))
    arrival.edits(at(1, 2), attachment(b!))
    arrival.edits(at(0, 1), attachment(a!))
    expect([text(), arrival.cursor, gaps]).toEqual(['ab', { seq: 2, tag: 't2' }, 0])
    arrival.edits(at(3, 4), attachment(c!))
    expect([text(), arrival.cursor?.seq, gaps]).toEqual(['ab', 2, 1])
    expect([logged(), log.map(({ after }) => after?.seq)]).toEqual(['ab', [undefined, 1]])
  })

  test('D2: frames of an earlier opening say nothing', () => {
    const [a] = theirEdits('a')
    arrival.open(answer(0))
    arrival.stop()
    arrival.edits(at(0, 1), attachment(a!))
    arrival.edits(at(5, 6), attachment(a!))
    expect([text(), arrival.cursor?.seq, gaps]).toEqual(['', 0, 0])
  })

  test('D2, D5: the last acknowledgement of an entry of ours passes all its edits', () => {
    const [a, b, c] = theirEdits('a', 'b', 'c')
    arrival.open(answer(0))
    arrival.acknowledged({}, a!)
    expect(arrival.cursor?.seq).toBe(0)
    arrival.acknowledged(at(0, 1), b!)
    arrival.acknowledged(at(1, 2), c!)
    expect([arrival.cursor, logged()]).toEqual([{ seq: 2, tag: 't2' }, 'abc'])
  })

  test('D6: a long document comes in parts, confirmed one by one, and the cursor waits for the last', () => {
    const [whole, next] = theirEdits('a long text', ' and more')
    const half = Math.ceil(whole!.length / 2)
    expect(arrival.open(answer(0, { parts: 2 }))).toBe(false)
    const message = { doc: 'd', parts: 2, seq: 7, tag: 't7' }
    arrival.snapshot({ ...message, part: 0 }, whole!.slice(0, half))
    arrival.acknowledged(at(6, 7), new Uint8Array([0, 0]))
    expect([arrival.cursor, gaps]).toEqual([undefined, 0])
    arrival.snapshot({ ...message, part: 1 }, whole!.slice(half))
    arrival.edits(at(7, 8), attachment(next!))
    expect([text(), arrival.cursor?.seq, gaps]).toEqual(['a long text and more', 8, 0])
    expect(logged()).toBe('a long text and more')
  })

  test('D6: what follows a long snapshot belongs to the opening, and is progress too', () => {
    const [whole, ...more] = theirEdits('a long text', ' and more', ', and newer')
    const half = Math.ceil(whole!.length / 2)
    expect(arrival.open(answer(4, { parts: 2, head: 8 }))).toBe(false)
    const message = { doc: 'd', parts: 2, seq: 4, tag: 't4' }
    arrival.snapshot({ ...message, part: 0 }, whole!.slice(0, half))
    arrival.snapshot({ ...message, part: 1 }, whole!.slice(half))
    arrival.edits(at(4, 8), attachment(more[0]!))
    expect(progress).toEqual([0.25, 0.5, 'complete'])
    arrival.edits(at(8, 9), attachment(more[1]!))
    expect([text(), progress.length]).toEqual(['a long text and more, and newer', 3])
  })

  test('D6: a long log without a snapshot is complete at its head', () => {
    const [a, b] = theirEdits('a', 'b')
    expect(arrival.open(answer(1, { head: 2, updates: attachment(a!) }))).toBe(false)
    arrival.edits(at(1, 2), attachment(b!))
    expect([text(), progress]).toEqual(['ab', ['complete']])
  })

  test('D6: so many bytes are confirmed at once', () => {
    arrival.open(answer(0))
    const [big] = theirEdits('x'.repeat(70_000))
    arrival.edits(at(0, 1), attachment(big!))
    expect(sent).toEqual([['confirm', { doc: 'd', seq: 1 }]])
  })

  test('is not taken for our own writing', () => {
    const local: boolean[] = []
    doc.on('update', (_update, _origin, _doc, transaction: Y.Transaction) => local.push(transaction.local))
    arrival.open(answer(1, { updates: attachment(...theirEdits('a')) }))
    expect(local).toEqual([false])
  })
})
