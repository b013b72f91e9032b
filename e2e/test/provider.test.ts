// The page's provider against the real server, where a browser would only be in the way.
import { onTestFinished, expect, test } from 'vitest'
import * as Y from 'yjs'
import { Connection as PageConnection } from '../../web/src/collab/connection'
import { type Kept, KeptInMemory } from '../../web/src/collab/kept'
import { OpenDocument } from '../../web/src/collab/open-document'
import { Provider, SCHEMA } from '../../web/src/collab/provider'
import { Connection } from '../src/connection'
import { Copy } from '../src/copy'
import { News } from '../src/news'
import { createDocument, exportedText, type Person, signUp, token } from '../src/people'
import { Server } from '../src/server'
import { staged } from '../src/stage'

/** A page without a browser: a document that is open, on a connection of its own. */
class Page {
  readonly open: OpenDocument
  readonly #connection: PageConnection
  readonly #news = new News()

  private constructor(connection: PageConnection, document: string, person: Person, kept: Kept) {
    this.#connection = connection
    this.open = new OpenDocument({ socket: connection.socket, document, person, kept })
    const stop = this.open.pair.subscribe(({ provider, doc }) => {
      provider.status.subscribe(() => this.#news.tell())
      doc.on('update', () => this.#news.tell())
    })
    onTestFinished(async () => {
      stop()
      await this.end()
    })
  }

  static async at(server: Server, document: string, person: Person, kept: Kept = new KeptInMemory()) {
    const connection = new PageConnection({ url: server.url, token: await token(server, person.name) })
    return new Page(connection, document, person, kept)
  }

  get doc(): Y.Doc {
    return this.open.pair.value.doc
  }

  get text(): string {
    return this.doc.getText('text').toString()
  }

  type(words: string): void {
    const text = this.doc.getText('text')
    text.insert(text.length, words)
  }

  /** Until the header would say this. */
  says(kind: string): Promise<void> {
    return this.#news.until(() => this.open.pair.value.provider.status.value.kind === kind)
  }

  reads(text: string): Promise<void> {
    return this.#news.until(() => this.text === text)
  }

  async end(): Promise<void> {
    await this.open.close()
    this.#connection.close()
  }
}

async function scene() {
  const server = await staged(Server.start())
  const ana = await signUp(server, 'Ana')
  const bruno = await signUp(server, 'Bruno')
  const doc = await createDocument(server, ana, 'text')
  return { server, ana, bruno, doc }
}

test('W2: when a stranger writes under our Yjs client, what we wrote is written anew under another', async () => {
  const { server, ana, bruno, doc } = await scene()
  const page = await Page.at(server, doc, ana)
  await page.says('saved')
  const theirs = new Copy(doc, {}, page.doc.clientID)
  await theirs.attach(await Connection.to(server.url, bruno))
  const stranger = new Y.Doc()
  stranger.clientID = page.doc.clientID
  stranger.on('update', (update: Uint8Array) => void theirs.edit(update))
  stranger.getText('text').insert(0, 'Bruno. ')
  await theirs.saved()

  const taken = page.doc.clientID
  page.type('Ana. ')
  page.type('And more. ')
  await page.says('saved')
  expect(page.doc.clientID).not.toBe(taken)
  const whole = await exportedText(server, ana, doc)
  expect(whole).toContain('Ana. And more. ')
  expect(whole).toContain('Bruno. ')
  await page.reads(whole)
})

test('W3, W8, D5: what an earlier page kept is sent first, by two tabs at once, and counts once', async () => {
  const { server, ana, doc } = await scene()
  const kept = new KeptInMemory()
  const first = await Page.at(server, doc, ana, kept)
  await first.says('saved')
  first.type('one ')
  await first.says('saved')
  await server.kill()
  await first.says('offline')
  first.type('two ')
  await first.open.pair.value.provider.keep()
  first.type('three ')
  await first.end()
  expect(await kept.countWaiting(ana.id)).toBe(2)

  await server.restart()
  const tabs = [await Page.at(server, doc, ana, kept), await Page.at(server, doc, ana, kept)]
  for (const tab of tabs) await tab.says('saved')
  tabs[0]!.type('four')
  for (const tab of tabs) await tab.reads('one two three four')
  expect(await exportedText(server, ana, doc)).toBe('one two three four')
  await Promise.all(tabs.map((tab) => tab.end()))
  expect(await kept.countWaiting(ana.id)).toBe(0)
})

test('an edit that is longer than a message may be travels in parts, and arrives whole', async () => {
  const { server, ana, bruno, doc } = await scene()
  const [page, other] = [await Page.at(server, doc, ana), await Page.at(server, doc, bruno)]
  await page.says('saved')
  await other.says('saved')
  const long = 'a long line of a book, pasted whole. '.repeat(140_000)
  page.type(long)
  page.type('The end.')
  await page.says('saved')
  await other.reads(`${long}The end.`)
  expect(await exportedText(server, bruno, doc)).toBe(`${long}The end.`)
})

test('a page that knows less rich text than the document reads it, and writes nothing', async () => {
  const { server, ana } = await scene()
  const doc = await createDocument(server, ana, 'rich')
  const connection = new PageConnection({ url: server.url, token: await token(server, ana.name) })
  const content = new Y.Doc()
  const provider = new Provider({
    doc: content,
    socket: connection.socket,
    document: doc,
    person: ana,
    kept: new KeptInMemory(),
    schema: SCHEMA - 1,
  })
  onTestFinished(async () => {
    await provider.close()
    connection.close()
  })
  const news = new News()
  provider.status.subscribe(() => news.tell())
  await news.until(() => provider.status.value.kind === 'readonly')
  expect(provider.status.value).toEqual({ kind: 'readonly', why: 'outdated', waiting: 0 })
  // What an editor would do to what it does not know.
  content.getXmlFragment('content').insert(0, [new Y.XmlElement('paragraph')])
  expect(provider.status.value).toEqual({ kind: 'readonly', why: 'outdated', waiting: 0 })
  expect(provider.editable.value).toBe(false)
})
