// The server will not, in mid-sentence, in a real browser: the page says so, keeps every word, and does not ask for ever.
import { rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { codeOf, Connection } from '../src/connection'
import { Desk } from '../src/desk'
import { Link } from '../src/link'
import * as people from '../src/people'
import { run, Server, type ServerOptions } from '../src/server'
import { staged } from '../src/stage'
import { fillDisk, onSmallDisk, slowDisk } from '../src/trouble'

const begun = 'Once upon a time'
const more = ' there was a queen'

/** Bruno owns a document; Ana has written the beginning of it, over a link that can stop. */
async function scene(options: ServerOptions = {}) {
  const server = await staged(Server.start(options))
  const link = await staged(Link.to(server.port))
  const bruno = await people.signUp(server, 'Bruno')
  const ana = await people.signUp(server, 'Ana')
  const doc = await people.createDocument(server, bruno, 'rich', 'A tale')
  const desk = await Desk.sit('Ana', link.url, ana)
  await desk.open(doc)
  await desk.says('saved')
  await desk.toTheEnd()
  await desk.type(begun)
  await desk.says('saved')
  const exported = () => people.exportedText(server, bruno, doc).then((text) => text.trimEnd())
  /** Ana writes on while something happens of which her page cannot know yet. */
  const midSentence = async (happening: () => Promise<unknown>) => {
    link.stop()
    await desk.type(more)
    await happening()
    link.go()
  }
  return { server, link, bruno, ana, doc, desk, exported, midSentence }
}

/** For a while nothing is sent: what was refused is not sent again and again. */
async function expectQuiet(desk: Desk): Promise<void> {
  const { edits } = desk.sent
  await pause(2_000)
  expect(desk.sent.edits, 'edits that the page sent').toBe(edits)
}

/** The first edit of a new writer: so many letters in a corner of the document that nobody looks at. */
function ballast(length: number): { client: number; n: 1; update: Uint8Array } {
  const content = new Y.Doc()
  content.getMap('ballast').set('is', 'x'.repeat(length))
  return { client: content.clientID, n: 1, update: Y.encodeStateAsUpdate(content) }
}

test('D3, busy: the page says that it is not saved, tries again, and all is saved when the server has time', async () => {
  const { server, ana, doc, desk, exported } = await scene({ args: ['--max-bytes-per-second', '1000000000'] })
  const slow = await staged(slowDisk(server, 8_000))
  // Ana's own program has so much on the way that not even a key of hers finds room. What has room is not answered yet.
  const program = await Connection.to(server.url, ana)
  await program.ask('open', { doc, schema: 1 })
  for (let length = 500_000; length > 8;) {
    const answer = codeOf(program.ask('edit', { doc, ...ballast(length) }))
    const heard = program.ask('list', {}).then(() => 'nothing')
    if ((await Promise.race([answer, heard])) === 'busy') length = Math.floor(length / 2)
  }
  await desk.type(more)
  await desk.says('hindered')
  expect(await desk.banner.innerText()).toMatch(/busy/)
  await slow.end()
  await desk.says('saved')
  expect(await exported()).toBe(begun + more)
})

test('D3, F3, a full disk: the page says that it is not saved, and all is saved once there is space', async () => {
  const { server, bruno, desk, exported } = await scene(onSmallDisk(24))
  const other = await people.createDocument(server, bruno, 'text')
  const program = await Connection.to(server.url, bruno)
  await program.ask('open', { doc: other })
  const empty = fillDisk(server)
  // The file that is written first may have some room left: until that is full, too, all is well.
  const fill = async () => {
    for (;;) await program.ask('edit', { doc: other, ...ballast(100_000) })
  }
  await expect(fill()).rejects.toMatchObject({ code: 'unavailable', retry: 'again' })
  await desk.type(more)
  await desk.says('hindered')
  expect(await desk.banner.innerText()).toMatch(/disk may be full/)
  expect((await fetch(`${server.url}/health`)).status).toBe(503)
  empty()
  await desk.says('saved')
  expect(await exported()).toBe(begun + more)
  expect((await fetch(`${server.url}/health`)).status).toBe(200)
})

test('D3, trashed: the page turns read-only, keeps what waits, and sends it when the document is restored', async () => {
  const { server, bruno, doc, desk, exported, midSentence } = await scene()
  await midSentence(() => people.trash(server, bruno, doc))
  await desk.says('readonly')
  expect(await desk.banner.innerText()).toMatch(/in the trash.*wait/s)
  expect(await desk.paragraphs()).toEqual([begun + more])
  await expectQuiet(desk)
  expect(await exported()).toBe(begun)
  await people.restoreFromTrash(server, bruno, doc)
  await desk.says('saved')
  expect(await exported()).toBe(begun + more)
})

test('D3, A4, a viewer now: the page turns read-only, and offers what was not accepted as a new document', async () => {
  const { server, bruno, ana, doc, desk, exported, midSentence } = await scene()
  await midSentence(() => people.share(server, bruno, doc, ana, 'viewer'))
  await desk.says('readonly')
  expect(await desk.banner.innerText()).toMatch(/not change it/)
  expect(await desk.aside()).toContain(more.trim())
  await expectQuiet(desk)
  expect(await desk.paragraphs()).toEqual([begun])
  expect(await exported()).toBe(begun)
  await desk.page.getByTestId('aside-new').click()
  await desk.page.waitForURL((url) => url.pathname.startsWith('/d/') && !url.pathname.endsWith(doc))
  await desk.says('saved')
  const copy = new URL(desk.page.url()).pathname.slice('/d/'.length)
  expect(await people.exportedText(server, ana, copy)).toContain(more.trim())
})

test('D3, D5, the session ends: the words are hidden, and saved when the same person signs in again', async () => {
  const { server, ana, desk, exported, midSentence } = await scene()
  await midSentence(() => people.signOut(server, ana))
  await desk.page.getByTestId('password').waitFor()
  expect(await desk.content.count()).toBe(0)
  await expectQuiet(desk)
  expect(await exported()).toBe(begun)
  await desk.sign()
  await desk.says('saved')
  expect(await desk.paragraphs()).toEqual([begun + more])
  expect(await exported()).toBe(begun + more)
})

test('D3, gone: the page says that the document was deleted for ever, and keeps the words that were not accepted', async () => {
  const { server, bruno, doc, desk, midSentence } = await scene()
  await midSentence(async () => {
    await people.trash(server, bruno, doc)
    await people.deleteForEver(server, bruno, doc)
  })
  await desk.says('refused')
  expect(await desk.page.getByTestId('waiting').innerText()).toMatch(/deleted for ever|no such document/)
  expect(await desk.aside()).toContain(more.trim())
  await expectQuiet(desk)
})

test('L7: when an older backup is restored, open copies are set aside whole, and nothing is merged by itself', async () => {
  const { server, link, bruno, doc, desk } = await scene()
  const clara = await people.signUp(server, 'Clara')
  const backup = `${server.data}.backup`
  await run(['backup', '--data', server.data, backup])
  const second = await Desk.sit('Bruno', server.url, bruno)
  await second.open(doc)
  await second.says('saved')
  await second.toTheEnd()
  await second.type(' came Bruno')
  await second.says('saved')
  const third = await Desk.sit('Clara', link.url, clara)
  await third.open(doc)
  await third.says('saved')
  await third.toTheEnd()
  // Clara's words wait; Ana and Bruno have theirs in the log that is about to be forgotten.
  await link.cut()
  await third.says('offline')
  await third.type(' and Clara waited')

  await server.stop()
  await run(['restore', '--data', server.data, backup])
  rmSync(backup)
  await server.restart()
  await link.mend()
  for (const [person, whole] of [
    [desk, `${begun} came Bruno`],
    [second, `${begun} came Bruno`],
    [third, `${begun} came Bruno and Clara waited`],
  ] as const) {
    await person.page.getByTestId('password').waitFor()
    await person.sign()
    await person.says('saved')
    expect(await person.paragraphs()).toEqual([begun])
    expect(await person.page.getByTestId('aside').innerText()).toMatch(/older state/)
    expect((await person.aside()).trim()).toBe(whole)
    await person.page.keyboard.press('Escape')
  }
  await second.toTheEnd()
  await second.type(' again')
  await second.says('saved')
  await expect.poll(() => desk.paragraphs(), { timeout: 30_000 }).toEqual([`${begun} again`])
  const reader = await people.signIn(server, 'Bruno')
  expect((await people.exportedText(server, reader, doc)).trimEnd()).toBe(`${begun} again`)
})
