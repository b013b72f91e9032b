// Edits that wait: their order, numbers, and when their bytes are final (W8).
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { Outbox, type Edit } from './outbox'

/** A document whose local updates go into the outbox, as the provider does it. */
function typing(outbox: Outbox): { text: Y.Text; doc: Y.Doc } {
  const doc = new Y.Doc()
  doc.on('update', (update: Uint8Array) => outbox.add(doc.clientID, update))
  return { doc, text: doc.getText('text') }
}

function takeAll(outbox: Outbox): Edit[] {
  const taken: Edit[] = []
  for (let edit = outbox.next(); edit; edit = outbox.next()) taken.push(edit)
  return taken
}

function textOf(edits: readonly Edit[]): string {
  const doc = new Y.Doc()
  edits.forEach(({ update }) => Y.applyUpdate(doc, update))
  return doc.getText('text').toString()
}

describe('the outbox', () => {
  test('merges what was never sent into one edit, numbers edits from 1, and brings one client each (W1)', () => {
    const outbox = new Outbox()
    const { doc, text } = typing(outbox)
    text.insert(0, 'a')
    text.insert(1, 'b')
    expect(outbox.waiting).toBe(1)
    const [first] = takeAll(outbox)
    text.insert(2, 'c')
    const [second] = takeAll(outbox)
    expect([first!.n, second!.n]).toEqual([1, 2])
    expect(textOf([first!, second!])).toBe('abc')
    for (const { update } of [first!, second!]) {
      expect([...Y.parseUpdateMeta(update).from.keys()]).toEqual([doc.clientID])
    }
  })

  test('never changes the bytes of an edit that was sent or kept: a retry is judged by its number (W3, W8)', () => {
    const outbox = new Outbox()
    const { text } = typing(outbox)
    text.insert(0, 'kept')
    outbox.close()
    const bytes = outbox.edits[0]!.update
    text.insert(4, ' and more')
    expect(takeAll(outbox).map(({ n }) => n)).toEqual([1, 2])
    expect(outbox.edits[0]!.update).toBe(bytes)
  })

  test('has at most 16 in flight, and begins again with the oldest that is not acknowledged (W8)', () => {
    const outbox = new Outbox()
    const { text } = typing(outbox)
    for (let i = 0; i < 40; i += 1) {
      text.insert(i, 'x')
      outbox.close()
    }
    const sent = takeAll(outbox)
    expect(sent).toHaveLength(16)
    expect(outbox.acknowledged(sent[0]!)).toBe(true)
    expect(outbox.acknowledged(sent[0]!)).toBe(false)
    expect(takeAll(outbox).map(({ n }) => n)).toEqual([17])
    outbox.rewind()
    expect(takeAll(outbox).map(({ n }) => n)).toEqual(Array.from({ length: 16 }, (_, i) => i + 2))
  })

  test('sends the waiting edits of an earlier page first, under their own writer and number (W8)', () => {
    const outbox = new Outbox()
    const { doc, text } = typing(outbox)
    outbox.adopt([{ client: 7, n: 41, update: new Uint8Array([0, 0]) }])
    text.insert(0, 'new')
    expect(takeAll(outbox).map(({ client, n }) => [client, n])).toEqual([
      [7, 41],
      [doc.clientID, 1],
    ])
  })

  test('numbers each client on its own when the document takes a new one', () => {
    const outbox = new Outbox()
    const { doc, text } = typing(outbox)
    text.insert(0, 'a')
    const before = doc.clientID
    doc.clientID += 1
    text.insert(1, 'b')
    expect(outbox.drain().map(({ client, n }) => [client, n])).toEqual([
      [before, 1],
      [before + 1, 1],
    ])
    expect(outbox.waiting).toBe(0)
  })
})

test('D2: an acknowledged edit is held until the cursor has passed its entry, and sent again first if not', () => {
  const outbox = new Outbox()
  const { text } = typing(outbox)
  text.insert(0, 'a')
  const first = outbox.next()!
  text.insert(1, 'b')
  const second = outbox.next()!
  for (const [edit, seq] of [
    [first, 7],
    [second, 9],
  ] as const) {
    outbox.acknowledged(edit)
    outbox.hold(edit, seq)
  }
  expect(outbox.waiting).toBe(0)
  expect(outbox.settled(8)).toEqual([first])
  outbox.rewind()
  outbox.sendHeldAgain()
  expect(outbox.next()).toBe(second)
  expect(outbox.holds).toBe(false)
})
