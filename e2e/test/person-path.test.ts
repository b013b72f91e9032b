// What two people do on a fresh instance, in two real browsers, while the server is killed under them.
import { expect, test } from 'vitest'
import { Desk } from '../src/desk'
import { exportedText, signIn } from '../src/people'
import { Random } from '../src/random'
import { Server } from '../src/server'
import { staged } from '../src/stage'

test('two people sign up, find each other in a document, and keep every character through a kill -9', async () => {
  const random = Random.seeded("a person's path")
  const server = await staged(Server.start())
  const ana = await Desk.sit('Ana', server.url)
  await ana.signUp()
  await ana.page.getByTestId('create').waitFor()
  const bruno = await Desk.sit('Bruno', server.url)
  await bruno.signUp()

  // Bruno sees the new document in his list without doing anything.
  const doc = await ana.create('Plans for the garden')
  await ana.content.click()
  await ana.type('Ana: ')
  await ana.says('saved')
  await bruno.follow('Plans for the garden')
  await bruno.toTheEnd()
  await bruno.page.keyboard.press('Enter')
  await bruno.type('Bruno: ')
  await bruno.says('saved')
  await ana.page.locator('.caret', { hasText: 'Bruno' }).waitFor({ state: 'attached' })
  await bruno.page.locator('.caret', { hasText: 'Ana' }).waitFor({ state: 'attached' })

  // "Saved" is said when it is true: what Ana has on her screen is in the server's log then.
  const reader = await signIn(server, 'Ana')
  await ana.type('sow beans; ')
  await ana.says('saved')
  expect(await exportedText(server, reader, doc)).toContain('Ana: sow beans; ')

  const words = (name: string) => Array.from({ length: 60 }, (_, at) => `${name}${at}`).join(' ')
  const [hers, his] = [words('a'), words('b')]
  const cut = async () => {
    for (const desk of [ana, bruno]) {
      const count = 100 + random.below(200)
      await desk.page.waitForFunction(
        (least) => document.querySelector('[data-testid=content]')!.textContent!.length > least,
        count,
      )
    }
    await server.kill()
    await Promise.all([ana.says('offline'), bruno.says('offline')])
    await server.restart()
  }
  await Promise.all([ana.type(hers), bruno.type(his), cut()])
  await Promise.all([ana.says('saved'), bruno.says('saved')])

  const expected = [`Ana: sow beans; ${hers}`, `Bruno: ${his}`]
  for (const [desk, other] of [
    [ana, 'Bruno'],
    [bruno, 'Ana'],
  ] as const) {
    await expect.poll(() => desk.paragraphs(), { timeout: 30_000 }).toEqual(expected)
    await expect.poll(() => desk.people(), { timeout: 30_000 }).toEqual([other])
    expect(desk.complaints).toEqual([])
  }
  expect((await exportedText(server, reader, doc)).split('\n').filter(Boolean)).toEqual(expected)
  expect((await ana.said()).map(({ text }) => text.split(',')[0])).toEqual(
    expect.arrayContaining(['Saving…', 'Saved', 'Offline']),
  )

  await ana.page.reload()
  await ana.says('saved')
  expect(await ana.paragraphs()).toEqual(expected)
})
