// The course's contract as people meet it: a front end written to it, in real browsers, unmodified.
import { expect, test } from 'vitest'
import { Link } from '../src/link'
import { type Row, ask, password, signIn } from '../src/people'
import { Server } from '../src/server'
import { Site, site } from '../src/site'
import { staged } from '../src/stage'

const served = () => staged(Server.start({ args: ['--classic-site', site] }))
const soon = { timeout: 15_000 }

test('an account is made once, and only its password opens the list', async () => {
  const server = await served()
  const ana = await Site.visit('Ana', server.url)
  await ana.signUp()
  await ana.says('Conta criada! Agora é só entrar.')
  await ana.signUp()
  await ana.says('Usuário já existe!')

  await ana.page.goto(`${server.url}/entrar/`)
  await ana.signIn('not the password')
  await ana.says('Nome ou senha incorretos!')
  expect(await ana.page.context().cookies()).toEqual([])
  await ana.signIn()
  await ana.isHome()

  await ana.signOut()
  await ana.says('Você saiu.')
  for (const address of ['/', '/documento/?nome=Receitas']) {
    await ana.page.goto(server.url + address)
    await ana.page.waitForURL('**/entrar/')
  }
})

test("two people create, write, see each other and each other's text, and lose the room when it is deleted", async () => {
  const server = await served()
  const ana = await Site.join('Ana', server.url)
  const bruno = await Site.join('Bruno', server.url)
  const name = 'Receitas & <b>bolos</b>? 50% #1 "já"'

  await ana.create(name)
  await bruno.link(name).waitFor()
  await bruno.create(name)
  await bruno.says(`O documento ${name} já existe!`)
  expect(await bruno.link(name).count()).toBe(1)

  await ana.open(name)
  await ana.type('Bolo de milho')
  await bruno.open(name)
  await expect.poll(() => bruno.text(), soon).toBe('Bolo de milho')
  for (const window of [ana, bruno]) await expect.poll(() => window.people(), soon).toEqual(['Ana', 'Bruno'])

  // The text around a caret is replaced, and the caret stays between its letters.
  await bruno.editor.press('Control+Home')
  await bruno.type('Para ')
  await expect.poll(() => ana.text(), soon).toBe('Para Bolo de milho')
  await ana.type(', ')
  await expect.poll(() => bruno.text(), soon).toBe('Para Bolo de milho, ')
  await bruno.type('domingo: ')
  await expect.poll(() => ana.text(), soon).toBe('Para domingo: Bolo de milho, ')

  // Both at one place at once: nothing is lost, and both see the same.
  await bruno.editor.press('Control+End')
  await Promise.all([ana.type('leite ovos manteiga sal'), bruno.type('ACENDER O FORNO AOS POUCOS')])
  const letters = (text: string) => [...text].sort().join('')
  const both = letters('Para domingo: Bolo de milho, leite ovos manteiga salACENDER O FORNO AOS POUCOS')
  for (const window of [ana, bruno])
    await expect.poll(async () => letters(await window.text()), soon).toBe(both)
  const text = await ana.text()
  expect(await bruno.text()).toBe(text)

  // The second tab is sent home; the first goes on.
  const tab = await ana.secondTab()
  await tab.link(name).click()
  await tab.says(`Você já está com o documento ${name} aberto em outro lugar.`)
  await tab.link(name).waitFor()
  await ana.type('!')
  await expect.poll(() => bruno.text(), soon).toBe(`${text}!`)
  expect(await bruno.people()).toEqual(['Ana', 'Bruno'])

  await ana.home()
  await expect.poll(() => bruno.people(), soon).toEqual(['Bruno'])
  await ana.open(name)
  await expect.poll(() => bruno.people(), soon).toEqual(['Bruno', 'Ana'])

  await ana.page.getByRole('button', { name: 'Excluir' }).click()
  for (const window of [ana, bruno]) {
    await window.says(`O documento ${name} foi excluído.`)
    await window.isHome()
  }
  for (const window of [ana, bruno, tab]) await expect.poll(() => window.link(name).count(), soon).toBe(0)
})

test('what is typed without a connection arrives when it is back, with what the other wrote meanwhile', async () => {
  const server = await served()
  const link = await staged(Link.to(server.port))
  const ana = await Site.join('Ana', link.url)
  const bruno = await Site.join('Bruno', server.url)
  await ana.create('Diário')
  await ana.open('Diário')
  await ana.type('Ontem choveu.')
  await bruno.open('Diário')
  await expect.poll(() => bruno.text(), soon).toBe('Ontem choveu.')

  await link.cut()
  await ana.says('Sem conexão. O que você escrever será enviado assim que ela voltar.')
  await expect.poll(() => bruno.people(), soon).toEqual(['Bruno'])
  await ana.type(' Hoje faz sol.')
  await bruno.editor.press('Control+Home')
  await bruno.type('Querido diário: ')
  await link.mend()

  const all = 'Querido diário: Ontem choveu. Hoje faz sol.'
  for (const window of [ana, bruno]) await expect.poll(() => window.text(), soon).toBe(all)
  for (const window of [ana, bruno]) await expect.poll(() => window.people(), soon).toEqual(['Bruno', 'Ana'])
})

test('beside the site the application lives under /app, with the same people and the same text', async () => {
  const server = await served()
  const ana = await Site.join('Ana', server.url)
  await ana.create('Atas')
  await ana.open('Atas')
  await ana.type('Começou às nove.')
  const reader = await signIn(server, 'Ana')
  const { documents } = (await (await ask(server, reader, 'GET', '/api/documents')).json()) as {
    documents: Row[]
  }
  const [atas] = documents
  expect(documents.map(({ title, kind }) => ({ title, kind }))).toEqual([{ title: 'Atas', kind: 'text' }])

  expect((await fetch(`${server.url}/documento`, { redirect: 'manual' })).status).toBe(301)
  const page = ana.page
  await page.goto(`${server.url}/app/`)
  await page.getByTestId('name').fill('Ana')
  await page.getByTestId('password').fill(password)
  await page.getByTestId('submit').click()
  await page.getByTestId('row').getByRole('link', { name: 'Atas' }).click()
  await page.waitForURL(`**/app/d/${atas!.id}`)
  const line = page.locator('.cm-content')
  await expect.poll(() => line.innerText(), soon).toBe('Começou às nove.')

  const bruno = await Site.join('Bruno', server.url)
  await bruno.open('Atas')
  await line.click()
  await page.keyboard.press('Control+End')
  await page.keyboard.type(' Terminou às dez.')
  await expect.poll(() => bruno.text(), soon).toBe('Começou às nove. Terminou às dez.')
  await page.reload()
  await expect.poll(() => line.innerText(), soon).toBe('Começou às nove. Terminou às dez.')
})
