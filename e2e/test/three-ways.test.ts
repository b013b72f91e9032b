// One text document, written at the same time by the course's page, by people in a browser, and by programs over HTTP.
import { setTimeout as pause } from 'node:timers/promises'
import { io } from 'socket.io-client'
import { expect, test } from 'vitest'
import { type Io, Tab } from '../src/classic'
import { CoursePage } from '../src/course-page'
import { Desk } from '../src/desk'
import { exportedText, password, signUp, token } from '../src/people'
import { Server } from '../src/server'
import { staged } from '../src/stage'

const soon = { timeout: 20_000 }
const words = (name: string, count: number) => Array.from({ length: count }, (_, at) => ` ${name}${at}`)

/** What CodeMirror shows; the carets of others are drawn beside it. */
const shown = async (desk: Desk) => (await desk.page.locator('.cm-line').allTextContents()).join('\n')

test('a course page, CodeMirror and programs write in one text at once, and all agree to the letter', async () => {
  const server = await staged(Server.start())
  const carla = await signUp(server, 'Carla')
  await signUp(server, 'Ana')
  await signUp(server, 'Robô')

  const visitor = await Tab.visit({ io: io as Io, url: server.url, way: 'websocket' })
  const course = await visitor.signIn('Ana', password)
  const list = await Tab.join({ io: io as Io, url: server.url, way: 'websocket', token: course })
  await list.add('Junto')
  const doc = (await list.documents())[0]!._id
  const page = await CoursePage.visit(server.url, course, 'Junto')
  // Each has a line of their own; the caret of the course's page is always at the end.
  for (const key of 'carla:\nrobô:\noutro:\nana:') page.key(key)
  const desk = await Desk.sit('Carla', server.url, carla)
  await desk.open(doc)
  await expect.poll(() => shown(desk), soon).toBe(page.value)

  /** Adds word after word at the end of this line of the text that it last read; what others wrote since is not its concern. */
  const program = async (line: string, count: number) => {
    const address = `${server.url}/api/documents/${doc}/text`
    const authorization = `Bearer ${await token(server, 'Robô')}`
    let read = await fetch(address, { headers: { authorization } })
    for (const word of words(line, count)) {
      const text = (await read.text()).replace(new RegExp(`^${line}:.*$`, 'm'), (whole) => whole + word)
      const headers = {
        authorization,
        'content-type': 'application/json',
        'if-match': read.headers.get('etag')!,
      }
      read = await fetch(address, { method: 'PUT', headers, body: JSON.stringify({ text }) })
      expect(read.status).toBe(200)
      await pause(100)
    }
  }
  const inTheBrowser = async () => {
    await desk.page.locator('.cm-line').first().click()
    await desk.page.keyboard.press('End')
    await desk.page.keyboard.type(words('carla', 60).join(''), { delay: 15 })
  }
  const onTheCoursePage = async () => {
    for (const key of words('ana', 60).join('')) {
      page.key(key)
      await pause(15)
    }
  }
  await Promise.all([inTheBrowser(), onTheCoursePage(), program('robô', 30), program('outro', 30)])

  const line = (name: string, count: number) => `${name}:${words(name, count).join('')}`
  const all = [line('carla', 60), line('robô', 30), line('outro', 30), line('ana', 60)].join('\n')
  await expect.poll(() => exportedText(server, carla, doc), soon).toBe(all)
  await expect.poll(() => page.value, soon).toBe(all)
  await expect.poll(() => shown(desk), soon).toBe(all)
  expect(await list.text('Junto')).toBe(all)
  await desk.page.reload()
  await expect.poll(() => shown(desk), soon).toBe(all)
  expect(desk.complaints).toEqual([])
  console.log(`180 words by a page, a browser and two programs: all there, once`)
})
