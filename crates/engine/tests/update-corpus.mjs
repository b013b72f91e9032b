// Writes update-corpus.json: logs of real Yjs updates, in which people edit at once, with every kind of
// content. It must stay deterministic. Run it in a folder that has `yjs`, such as e2e:
//   node ../crates/engine/tests/update-corpus.mjs [seed] [logs] [edits] > ../crates/engine/tests/update-corpus.json
import { createRequire } from 'node:module'

const require = createRequire(`${process.cwd()}/`)
const Y = require('yjs')

let state = Number(process.argv[2] ?? 1)
const logs = Number(process.argv[3] ?? 6)
const edits = Number(process.argv[4] ?? 60)

/** An integer from 0 to below n (mulberry32). */
function below(n) {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n)
}
const pick = (list) => list[below(list.length)]

const words = ['a', 'lorem ', 'é', '漢字', '😀', '👩‍👩‍👧', '\n', 'x\u0000y', '\uFEFF', 'Grüße, ']
const values = [
  0,
  -1,
  63,
  64,
  2147483647,
  -2147483647,
  1.5,
  1e300,
  0.1 + 0.2,
  2 ** 40,
  true,
  false,
  null,
  [undefined],
  'text',
  '😀',
  [1, [2, ['three']]],
  { a: { b: [null, { c: 'd' }] } },
  [],
  {},
]
const kinds = [
  () => new Y.Array(),
  () => new Y.Map(),
  () => new Y.Text('new'),
  () => new Y.XmlText('xml'),
  () => new Y.XmlElement('img'),
  () => new Y.XmlFragment(),
]
const formats = [
  { bold: true },
  { bold: null },
  { link: { href: 'https://example.org/?q=😀' } },
  { size: 0.1 + 0.2 },
  { color: 'red', italic: {} },
]

function editText(text, embeds) {
  const at = below(text.length + 1)
  const len = below(Math.min(6, text.length - at) + 1)
  switch (below(embeds ? 8 : 6)) {
    case 0:
    case 1:
    case 2:
      return text.insert(at, pick(words))
    case 3:
      return len > 0 && text.delete(at, len)
    case 4:
      return len > 0 && text.format(at, len, pick(formats))
    case 5:
      return text.insert(at, pick(words), pick(formats))
    case 6:
      return text.insertEmbed(at, pick([{ image: 'a.png', width: 12.5 }, 7, [1], { nested: { deep: true } }]))
    case 7:
      return text.insertEmbed(at, pick(kinds)())
  }
}

function block() {
  const element = new Y.XmlElement(pick(['paragraph', 'heading', 'bullet_list', 'list_item', 'Ünï']))
  if (below(2)) element.setAttribute('level', below(6))
  element.insert(0, below(3) ? [new Y.XmlText(pick(words))] : [])
  return element
}

function editXml(parent) {
  const at = below(parent.length + 1)
  const child = parent.length > 0 ? parent.get(below(parent.length)) : null
  switch (below(8)) {
    case 0:
    case 1:
      return parent.insert(at, [block()])
    case 2:
      return at < parent.length && parent.delete(at, 1)
    case 3:
      return (
        parent instanceof Y.XmlElement &&
        parent.setAttribute(pick(['id', 'align', 'data']), pick(values) ?? '')
      )
    case 4:
      return parent instanceof Y.XmlElement && parent.removeAttribute('align')
    default:
      if (child instanceof Y.XmlText) return editText(child, true)
      if (child !== null) return editXml(child)
      return parent.insert(at, [new Y.XmlText(pick(words))])
  }
}

function editTypes(doc) {
  const list = doc.getArray('list')
  const map = doc.getMap('map')
  switch (below(7)) {
    case 0:
      return list.insert(below(list.length + 1), [pick(values), pick(values)])
    case 1:
      return list.insert(below(list.length + 1), [new Uint8Array([1, 2, below(256)])])
    case 2:
      return list.insert(below(list.length + 1), [pick(kinds)()])
    case 3:
      return list.length > 0 && list.delete(below(list.length), 1)
    case 4:
      return map.set(pick(['a', 'b', 'ключ']), pick(values))
    case 5:
      return map.set(pick(['a', 'b']), pick(kinds)())
    case 6:
      return map.delete('a')
  }
}

function edit(person) {
  const { doc, undo } = person
  switch (below(12)) {
    case 0:
      return undo.undo()
    case 1:
      return undo.redo()
    case 2:
    case 3:
      return editTypes(doc)
    case 4:
    case 5:
    case 6:
      return editXml(doc.getXmlFragment('content'))
    case 7:
      return doc.transact(() => {
        // Collected before anybody sees it.
        const root = doc.getXmlFragment('content')
        root.insert(0, [block(), block()])
        root.delete(0, 1)
      })
    case 8:
      return doc.transact(() => {
        editXml(doc.getXmlFragment('content'))
        editTypes(doc)
      })
    default:
      return editText(doc.getText('text'), true)
  }
}

function log() {
  const entries = [] // { by, update }, in the order in which a server would store them
  const people = [4294967295 - below(9), 1 + below(100), 200 + below(2 ** 31)].map((client) => {
    const doc = new Y.Doc({ gc: below(4) > 0 })
    doc.clientID = client
    const types = [
      doc.getXmlFragment('content'),
      doc.getText('text'),
      doc.getArray('list'),
      doc.getMap('map'),
    ]
    const person = { doc, undo: new Y.UndoManager(types, { captureTimeout: 0 }), read: 0, waiting: [] }
    doc.on('update', (update, _origin, _doc, transaction) => {
      if (transaction.origin !== 'server') person.waiting.push(update)
    })
    return person
  })
  for (let n = 0; n < edits; n++) {
    const person = pick(people)
    edit(person)
    if (below(3) > 0) {
      // Send: one by one, or merged.
      const updates = below(2)
        ? person.waiting
        : person.waiting.length
          ? [Y.mergeUpdates(person.waiting)]
          : []
      entries.push(...updates.map((update) => ({ by: person, update })))
      person.waiting = []
    }
    if (below(2)) {
      const reader = pick(people)
      for (; reader.read < entries.length; reader.read++) {
        const { by, update } = entries[reader.read]
        if (by !== reader) Y.applyUpdate(reader.doc, update, 'server')
      }
    }
  }
  return entries.map(({ by, update }) => ({
    client: by.doc.clientID,
    update: Buffer.from(update).toString('base64'),
  }))
}

const all = Array.from({ length: logs }, log)
console.log(
  `[\n${all.map((entries) => `[\n${entries.map((entry) => JSON.stringify(entry)).join(',\n')}\n]`).join(',\n')}\n]`,
)
