// A long document over a slow link: it takes its time, shows how far it is, and never loses the connection.
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { Connection } from '../src/connection'
import { Copy } from '../src/copy'
import { Desk } from '../src/desk'
import { Link } from '../src/link'
import { createDocument, type Person, signUp } from '../src/people'
import { Random } from '../src/random'
import { Server } from '../src/server'
import { staged } from '../src/stage'

const paragraphsCount = 2_500
const paragraphChars = 4_000
const megabitBytes = 125_000

/** Writes a rich document of 10 MB: paragraphs of letters that no compression shortens much. */
async function writeBook(server: Server, person: Person, doc: string): Promise<void> {
  const random = new Random(1)
  const copy = new Copy(doc)
  await copy.attach(await Connection.to(server.url, person))
  const book = new Y.Doc()
  book.clientID = copy.writer
  book.on('update', (update: Uint8Array) => void copy.edit(update))
  const letters = (length: number) =>
    String.fromCharCode(...Array.from({ length }, () => 33 + random.below(90)))
  const content = book.getXmlFragment('content')
  for (let written = 0; written < paragraphsCount;) {
    book.transact(() => {
      for (const end = written + 50; written < end; written++) {
        const paragraph = new Y.XmlElement('paragraph')
        paragraph.insert(0, [new Y.XmlText(letters(paragraphChars))])
        content.push([paragraph])
      }
    })
  }
  await copy.saved()
}

const kinds = async (desk: Desk) => (await desk.said()).map(({ kind }) => kind)

test('D6: a document of 10 MB opens over 1 Mbit/s with a progress bar and without a second connection', async () => {
  const server = await staged(Server.start())
  const link = await staged(Link.to(server.port, { bytesPerSecond: megabitBytes }))
  const ana = await signUp(server, 'Ana')
  const doc = await createDocument(server, ana, 'rich', 'A book')
  await writeBook(server, ana, doc)

  const startedMs = performance.now()
  const desk = await Desk.sit('Ana', link.url, ana)
  await desk.page.getByTestId('row').waitFor()
  const { connections } = desk.sent
  await desk.follow('A book', { wait: false })
  const progress = desk.page.getByTestId('progress')
  await progress.waitFor({ timeout: 30_000 })
  const shares: number[] = []
  for (let share = 0; share < 0.9;) {
    const next = await desk.page.waitForFunction(
      (least) => {
        const value = document.querySelector<HTMLProgressElement>('[data-testid=progress]')?.value ?? 1
        return value > least && value
      },
      share,
      { timeout: 30_000 },
    )
    share = Number(await next.jsonValue())
    shares.push(share)
  }
  expect(await kinds(desk)).not.toContain('offline')
  await desk.page.locator('[data-testid=status][data-status=saved]').waitFor({ timeout: 90_000 })
  console.log(
    `10 MB over 1 Mbit/s: ${((performance.now() - startedMs) / 1000).toFixed(0)} s, ${shares.length} steps of progress`,
  )
  expect(shares.length, 'steps of progress').toBeGreaterThan(20)
  expect(shares.toSorted((a, b) => a - b)).toEqual(shares)
  expect((await desk.paragraphs()).length, 'paragraphs when "Saved" is said').toBe(paragraphsCount)
  await desk.page.keyboard.press('Control+Home')
  await desk.content.click({ position: { x: 20, y: 20 } })
  await desk.type('read ')
  await desk.says('saved')
  expect(desk.sent.connections, 'connections').toBe(connections)
  expect(await kinds(desk)).not.toContain('offline')
})
