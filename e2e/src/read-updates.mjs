// Says how Yjs reads documents: the other half of crates/engine/tests/update.rs. It must not judge.
// In, from a file or standard input: documents, each a count of updates and then, for each of them, its
// length and bytes (numbers are 32 bits, little endian). Out: one line of JSON for each document.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

// Where yjs is: SESODOCS_NODE_MODULES, or the packages beside this script.
const modules = process.env.SESODOCS_NODE_MODULES
const require = createRequire(modules === undefined ? import.meta.url : `${modules}/`)
const Y = require('yjs')

/** JSON with sorted keys: yrs does not keep their order. */
const stringify = (value) =>
  JSON.stringify(value, (_, part) =>
    part != null && Object.getPrototypeOf(part) === Object.prototype
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )

/** A text's pieces, those with the same format joined. */
function pieces(text) {
  const joined = []
  for (const { insert, attributes } of text.toDelta()) {
    const format = stringify(attributes ?? {})
    const last = joined.at(-1)
    if (typeof insert === 'string' && typeof last?.insert === 'string' && last.format === format)
      last.insert += insert
    else joined.push({ insert: tree(insert), format })
  }
  return joined
}

function tree(value) {
  if (value instanceof Y.XmlText || value instanceof Y.Text)
    return { pieces: pieces(value), attributes: attributes(value) }
  if (value instanceof Y.XmlElement)
    return { name: value.nodeName, attributes: attributes(value), children: value.toArray().map(tree) }
  if (value instanceof Y.XmlFragment || value instanceof Y.Array) return value.toArray().map(tree)
  if (value instanceof Y.Map)
    return Object.fromEntries([...value.entries()].map(([key, part]) => [key, tree(part)]))
  return value
}

const attributes = (type) =>
  Object.fromEntries(Object.entries(type.getAttributes()).map(([key, part]) => [key, tree(part)]))

/** The words in a rich text, without what is around them. */
function plain(node) {
  if (node instanceof Y.XmlText)
    return node
      .toDelta()
      .map(({ insert }) => (typeof insert === 'string' ? insert : ''))
      .join('')
  return node.toArray().map(plain).join('')
}

function read(updates) {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  const content = doc.getXmlFragment('content')
  const text = doc.getText('text')
  return {
    clocks: Object.fromEntries(Y.decodeStateVector(Y.encodeStateVector(doc))),
    waits: doc.store.pendingStructs !== null || doc.store.pendingDs !== null,
    content: content.toString(),
    plain: plain(content),
    text: text.toString(),
    tree: stringify([content, text, doc.getArray('list'), doc.getMap('map')].map(tree)),
  }
}

const input = readFileSync(process.argv[2] ?? 0)
let at = 0
const number = () => {
  at += 4
  return input.readUInt32LE(at - 4)
}
while (at < input.length) {
  const updates = Array.from({ length: number() }, () => {
    const end = number() + at
    const update = input.subarray(at, end)
    at = end
    return update
  })
  let line
  try {
    line = read(updates)
  } catch (error) {
    line = { error: String(error) }
  }
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
