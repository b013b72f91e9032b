// Yjs updates taken apart: the words in them, and another client's id (W2).
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { beginning, renameClient, textOf, wordsIn } from './updates'

function updatesOf(doc: Y.Doc): Uint8Array[] {
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array, _origin: unknown, _doc: unknown, transaction: Y.Transaction) => {
    if (transaction.local) updates.push(update)
  })
  return updates
}

function rich(...lines: string[]): Y.Doc {
  const doc = new Y.Doc()
  const blocks = lines.map((line) => {
    const block = new Y.XmlElement('paragraph')
    block.insert(0, [new Y.XmlText(line)])
    return block
  })
  doc.getXmlFragment('content').insert(0, blocks)
  return doc
}

describe('a writer that is taken (W2)', () => {
  test('is replaced in every id of the update, its references and deletions included', () => {
    const theirs = rich('shared')
    const ours = new Y.Doc()
    Y.applyUpdate(ours, Y.encodeStateAsUpdate(theirs))
    const waiting = updatesOf(ours)
    const text = (ours.getXmlFragment('content').get(0) as Y.XmlElement).get(0) as Y.XmlText
    text.insert(6, ' words')
    text.insert(0, 'Our ')
    text.delete(4, 3)
    text.delete(0, 1)
    text.format(0, 3, { bold: {} })
    ours.getXmlFragment('content').insert(1, [new Y.XmlElement('paragraph')])

    const from = ours.clientID
    const anew = waiting.map((update) => renameClient(update, from, 77))
    const read = new Y.Doc()
    Y.applyUpdate(read, Y.encodeStateAsUpdate(theirs))
    anew.forEach((update) => Y.applyUpdate(read, update))
    expect(read.getXmlFragment('content').toString()).toBe(ours.getXmlFragment('content').toString())
    expect(read.store.pendingStructs).toBeNull()
    expect([...read.store.clients.keys()].toSorted()).toEqual([77, theirs.clientID].toSorted())
    for (const update of anew) expect([...Y.parseUpdateMeta(update).from.keys()]).not.toContain(from)
  })
})

describe('what was not accepted (D3)', () => {
  test('is read as words, a new line for each place', () => {
    const doc = rich('one', 'two')
    const updates = updatesOf(doc)
    const text = (at: number): Y.XmlText =>
      (doc.getXmlFragment('content').get(at) as Y.XmlElement).get(0) as Y.XmlText
    text(0).insert(3, ' a')
    text(0).insert(5, 'b')
    text(1).insert(0, 'c')
    expect(wordsIn(updates)).toBe(' ab\nc')
    expect(wordsIn([])).toBe('')
  })

  test('can begin a new document, as text or as the whole state, under one new client', () => {
    const old = rich('one', 'two')
    const state = Y.encodeStateAsUpdate(old)
    for (const source of [{ state }, { text: 'one\ntwo' }]) {
      const { client, update } = beginning(source, 'rich')
      const doc = new Y.Doc()
      Y.applyUpdate(doc, update)
      expect(doc.getXmlFragment('content').toString()).toBe(old.getXmlFragment('content').toString())
      expect([...doc.store.clients.keys()]).toEqual([client])
      expect(textOf(update)).toBe('one\ntwo')
    }
  })

  test('can begin a new text document, which is one text', () => {
    const { client, update } = beginning({ text: '# one\n\ntwo' }, 'text')
    const doc = new Y.Doc()
    Y.applyUpdate(doc, update)
    expect(doc.getText('text').toString()).toBe('# one\n\ntwo')
    expect(doc.getXmlFragment('content').length).toBe(0)
    expect([...doc.store.clients.keys()]).toEqual([client])
  })
})
