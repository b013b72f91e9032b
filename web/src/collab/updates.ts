// What can be read out of an update's bytes, and the one rewriting of them. Knows Yjs, nothing of sending.
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import type { Kind } from './wire'

type Id = { client: number; clock: number }

/**
 * The same update with every id of Yjs client `from` given to client `to`.
 * For a writer that turned out to be another person's (W2): nothing of ours under it was ever accepted, so its clocks stay.
 */
export function renameClient(update: Uint8Array, from: number, to: number): Uint8Array {
  const { structs, ds } = Y.decodeUpdate(update)
  const renamed = <T extends Id | null | undefined>(id: T): T =>
    id?.client === from ? (Y.createID(to, id.clock) as unknown as T) : id
  const byClient = new Map<number, typeof structs>()
  for (const struct of structs) {
    struct.id = renamed(struct.id)
    if (struct instanceof Y.Item) {
      struct.origin = renamed(struct.origin)
      struct.rightOrigin = renamed(struct.rightOrigin)
      if (struct.parent instanceof Y.ID) struct.parent = renamed(struct.parent)
    }
    const list = byClient.get(struct.id.client)
    if (list) list.push(struct)
    else byClient.set(struct.id.client, [struct])
  }
  const encoder = new Y.UpdateEncoderV1()
  const rest = encoder.restEncoder
  encoding.writeVarUint(rest, byClient.size)
  for (const [client, list] of [...byClient].toSorted(([a], [b]) => b - a)) {
    encoding.writeVarUint(rest, list.length)
    encoder.writeClient(client)
    encoding.writeVarUint(rest, list[0]!.id.clock)
    for (const struct of list) struct.write(encoder, 0)
  }
  encoding.writeVarUint(rest, ds.clients.size)
  for (const [client, ranges] of ds.clients) {
    encoding.writeVarUint(rest, client === from ? to : client)
    encoding.writeVarUint(rest, ranges.length)
    for (const { clock, len } of ranges) {
      encoding.writeVarUint(rest, clock)
      encoding.writeVarUint(rest, len)
    }
  }
  return encoder.toUint8Array()
}

/** The words that updates bring, as plain text: a new line wherever the writing went on elsewhere. */
export function wordsIn(updates: readonly Uint8Array[]): string {
  let words = ''
  let last: Id | undefined
  for (const update of updates) {
    for (const struct of Y.decodeUpdate(update).structs) {
      if (!(struct instanceof Y.Item) || !(struct.content instanceof Y.ContentString)) continue
      const goesOn =
        last !== undefined && struct.origin !== null && Y.compareIDs(struct.origin as Y.ID, last as Y.ID)
      words += (goesOn || words === '' ? '' : '\n') + struct.content.str
      last = { client: struct.id.client, clock: struct.id.clock + struct.length - 1 }
    }
  }
  return words
}

/** The whole text of a document's state, a line for each block. */
export function textOf(state: Uint8Array): string {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, state)
  const lines: string[] = []
  blocksInto(lines, doc.getXmlFragment('content'))
  const plainText = doc.getText('text').toString()
  if (plainText !== '') lines.push(plainText)
  doc.destroy()
  return lines.join('\n')
}

function blocksInto(lines: string[], parent: Y.XmlFragment | Y.XmlElement): void {
  for (const child of parent.toArray()) {
    if (child instanceof Y.XmlText) lines.push(plain(child))
    else if (child instanceof Y.XmlElement) blocksInto(lines, child)
  }
}

function plain(text: Y.XmlText): string {
  const pieces = text.toDelta() as { insert: unknown }[]
  return pieces.map(({ insert }) => (typeof insert === 'string' ? insert : '')).join('')
}

/** What a new document begins with, as one update of a new client. Takes a rich document's state, or plain text. */
export function beginning(
  source: { state: Uint8Array } | { text: string },
  kind: Kind,
): { client: number; update: Uint8Array } {
  const doc = new Y.Doc()
  if ('state' in source) {
    const old = new Y.Doc()
    Y.applyUpdate(old, source.state)
    const blocks = old.getXmlFragment('content').toArray()
    doc.getXmlFragment('content').insert(0, blocks.map((block) => block.clone()) as Y.XmlElement[])
    old.destroy()
  } else if (kind === 'text') {
    doc.getText('text').insert(0, source.text)
  } else {
    doc.getXmlFragment('content').insert(0, source.text.split('\n').map(paragraph))
  }
  const update = Y.encodeStateAsUpdate(doc)
  const client = doc.clientID
  doc.destroy()
  return { client, update }
}

function paragraph(line: string): Y.XmlElement {
  const element = new Y.XmlElement('paragraph')
  if (line !== '') element.insert(0, [new Y.XmlText(line)])
  return element
}
