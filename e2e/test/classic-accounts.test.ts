// The course's contract, accounts and the way in, with the client of the course's time and the newest, over each transport.
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Autorizacao, type Heard, Tab } from '../src/classic'
import { castOf, heardDuring, outcome, plainly, somebody, staged, variants } from '../src/classic-cast'
import { codeOf, Connection } from '../src/connection'
import * as people from '../src/people'
import { run, Server } from '../src/server'
import { slowDisk } from '../src/trouble'

const senha = people.password

/** The course's server, and the same with each option that changes what it says. */
let servers: { usual: Server; anonymous: Server; strict: Server; off: Server }

beforeAll(async () => {
  const start = (...args: string[]) =>
    Server.start({
      args: [...args, '--max-sign-ins-per-minute', '6000', '--max-visitors-per-address', '4096'],
    })
  const [usual, anonymous, strict, off] = await Promise.all([
    start(),
    start('--classic-anonymous'),
    start('--classic-strict'),
    start('--no-classic'),
  ])
  servers = { usual, anonymous, strict, off }
})
afterAll(() => Promise.all(Object.values(servers ?? {}).map((server) => server.end())))

/** What a JWT says; whether it is true is the server's affair. */
const claims = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Autorizacao

describe.each(variants)('$release over $way', (variant) => {
  const { own, ana, bruno, tokens, at, visit, tabOf, room } = castOf(variant, () => servers.usual)
  const { way } = variant

  test('the handshake says how soon a lost connection shows, and the transport is the one that was asked for', async () => {
    const [door] = await Promise.all([visit(), tabOf(ana)])
    expect(door.handshake).toMatchObject({ pingInterval: 5_000, pingTimeout: 4_000 })
    if (way !== 'websocket') expect(door.handshake!.upgrades).toEqual(['websocket'])
    if (way === 'upgrade') await door.upgraded()
    await door.settle()
    expect(door.transport).toBe(way === 'polling' ? 'polling' : 'websocket')
  })

  test('cadastrar_usuario: an account, the same name again, and what can be none; only the sender hears', async () => {
    const [door, other] = await Promise.all([visit(), visit()])
    const dora = own('Dora')
    const [said, elsewhere] = await heardDuring([door, other], async () => {
      expect(await door.signUp(dora, senha)).toBe('cadastro_sucesso')
      expect(await door.signUp(dora, 'another long password')).toBe('usuario_ja_existente')
      expect(await door.signUp(dora.toUpperCase(), senha)).toBe('usuario_ja_existente')
      expect(await door.signUp(own('Eva'), 'short')).toBe('cadastro_erro')
      expect(await door.signUp('', senha)).toBe('cadastro_erro')
    })
    expect(
      said!.filter(([event]) => event !== 'erro'),
      'no arguments',
    ).toEqual([
      ['cadastro_sucesso'],
      ['usuario_ja_existente'],
      ['usuario_ja_existente'],
      ['cadastro_erro'],
      ['cadastro_erro'],
    ])
    // Beyond the contract: why.
    expect(said!.filter(([event]) => event === 'erro')).toEqual(
      Array(2).fill(['erro', { mensagem: expect.any(String) }]),
    )
    expect(elsewhere).toEqual([])
    expect(await door.signIn(dora, senha), 'the first password holds').toBeTruthy()
  })

  test('cadastrar_usuario: of eight at once with one name, one succeeds', async () => {
    const doors = await Promise.all(Array.from({ length: 4 }, () => visit()))
    const answers = await Promise.all([...doors, ...doors].map((door) => door.signUp(own('Todos'), senha)))
    expect(answers.toSorted()).toEqual(['cadastro_sucesso', ...Array(7).fill('usuario_ja_existente')])
  })

  test('autenticar_usuario: a token that the page can keep in its cookie; only the sender hears', async () => {
    const [door, other] = await Promise.all([visit(), visit()])
    const [, elsewhere] = await heardDuring([door, other], async () => {
      const token = await door.signIn(ana, senha)
      expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
      // As the page does: it keeps the cookie by itself, and splits what it finds.
      const cookie = `theme=dark; tokenJwt=${token}; lang=pt`
      expect(
        cookie
          .split('; ')
          .find((part) => part.startsWith('tokenJwt='))!
          .split('=')[1],
      ).toBe(token)
      const header = JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as object
      expect(header).toMatchObject({ alg: 'HS256' })
      const { nomeUsuario, iat, exp } = claims(token)
      expect(nomeUsuario).toBe(ana)
      expect(exp - iat).toBe(3_600)
      expect(Math.abs(iat - Date.now() / 1_000)).toBeLessThan(60)
    })
    expect(elsewhere).toEqual([])
  })

  test('autenticar_usuario: a wrong password and an unknown name; only --classic-strict tells one from the other', async () => {
    const refusal = (door: Tab, name: string) =>
      door.signIn(name, 'not the password').catch(() => door.heard.at(-1))
    const [door, strict] = await Promise.all([visit(), visit(servers.strict)])
    expect(await refusal(door, ana)).toEqual(['autenticacao_erro'])
    expect(await refusal(door, own('Ninguém'))).toEqual(['autenticacao_erro'])
    expect(await strict.signUp(ana, senha)).toBe('cadastro_sucesso')
    expect(await refusal(strict, ana)).toEqual(['autenticacao_erro'])
    expect(await refusal(strict, own('Ninguém'))).toEqual(['usuario_nao_encontrado'])
    expect(claims(await strict.signIn(ana, senha)).nomeUsuario).toBe(ana)
  })

  test('the middleware says why it lets nobody in', async () => {
    const refusal = (token: unknown) => outcome(Tab.join(at(servers.usual, { token })))
    const good = tokens.get(ana)!
    const [header, payload, signature] = good.split('.') as [string, string, string]
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const foreign = createHmac('sha256', 'secret').update(`${header}.${payload}`).digest('base64url')
    const longer = encode({ ...claims(good), exp: 9e9 })
    const elses = encode({ ...claims(good), nomeUsuario: bruno })
    for (const [token, words] of [
      [undefined, 'jwt must be provided'],
      ['', 'jwt must be provided'],
      [null, 'jwt must be provided'],
      ['undefined', 'jwt malformed'],
      ['x', 'jwt malformed'],
      [`${header}.${payload}`, 'jwt malformed'],
      [`${header}.${payload}.${foreign}`, 'invalid signature'],
      [`${header}.${longer}.${signature}`, 'invalid signature'],
      [`${header}.${elses}.${signature}`, 'invalid signature'],
      [`${encode({ alg: 'none', typ: 'JWT' })}.${payload}.${signature}`, 'jwt malformed'],
      [`${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`, 'jwt malformed'],
    ] as const) {
      expect(await refusal(token), String(token)).toBe(words)
    }
    for (const token of [5, true, {}, { $gt: '' }, [good]])
      expect(await refusal(token), JSON.stringify(token)).toMatch(/^jwt /)
    expect(await refusal(good)).toBe('let in')
  })

  test('autorizacao_sucesso says once who came and until when', async () => {
    const tab = await tabOf(ana)
    const { nomeUsuario, iat, exp } = claims(tokens.get(ana)!)
    await tab.settle()
    expect(tab.heard.filter(([event]) => event !== 'connect')).toEqual([
      ['autorizacao_sucesso', { nomeUsuario, iat, exp }],
    ])
  })

  test('the first part of the course: out of reach, unless the instance allows anonymous writing', async () => {
    const closed = await visit()
    const nome = own('primeira parte')
    const erro = { mensagem: expect.any(String) }
    const [said] = await heardDuring([closed], async () => {
      expect(await closed.ask('obter_documentos')).toEqual({ erro: expect.any(String) })
      expect(await closed.ask('selecionar_documento', nome)).toEqual({ erro: expect.any(String) })
      closed.emit('adicionar_documento', nome)
      closed.write(nome, 'x')
      closed.emit('excluir_documento', nome)
      for (let errors = 0; errors < 5; errors++) await closed.hears('erro')
    })
    expect(said!.filter(([event]) => !event.startsWith('ack'))).toEqual(Array(5).fill(['erro', erro]))

    const [one, two] = await Promise.all([visit(servers.anonymous), visit(servers.anonymous)])
    const [byOne, byTwo] = await heardDuring([one, two], async () => {
      one.emit('adicionar_documento', nome)
      await two.hearsThat('adicionar_documento_interface', nome)
      two.emit('adicionar_documento', nome)
      await two.hearsThat('documento_existente', nome)
      expect(await one.ask('selecionar_documento', nome)).toBe('')
      expect(await two.ask('selecionar_documento', nome)).toBe('')
      one.write(nome, 'sem conta')
      await two.hearsThat('texto_editor_clientes', 'sem conta')
      expect(await one.documents()).toContainEqual({ _id: expect.any(String), nome, texto: 'sem conta' })
      two.emit('excluir_documento', nome)
      await one.hearsThat('excluir_documento_sucesso', nome)
    })
    // Who is inside is told here, too; the first part's page does not listen to that.
    const isOfThePart = ([event]: Heard) => !event.startsWith('ack') && event !== 'usuarios_no_documento'
    expect(byOne!.filter(isOfThePart)).toEqual([
      ['adicionar_documento_interface', nome],
      ['excluir_documento_sucesso', nome],
    ])
    expect(byTwo!.filter(isOfThePart)).toEqual([
      ['adicionar_documento_interface', nome],
      ['documento_existente', nome],
      ['texto_editor_clientes', 'sem conta'],
      ['excluir_documento_sucesso', nome],
    ])
    expect(await one.text(nome)).toBeUndefined()
  })

  test('both namespaces share one connection, as the client does by itself for pages that use both', async () => {
    const door = await visit()
    const token = await door.signIn(bruno, senha)
    const [inside, his] = (await Promise.all([
      staged(Tab.join(at(servers.usual, { token, beside: door }))),
      tabOf(ana),
    ])) as [Tab, Tab]
    const nome = await room('duas portas', [inside, bruno], [his, ana])
    inside.write(nome, 'por aqui')
    await his.hearsThat('texto_editor_clientes', 'por aqui')
    expect(await door.signUp(own('Fábio'), senha)).toBe('cadastro_sucesso')
    expect(door.heard.map(([event]) => event)).toEqual([
      'connect',
      'autenticacao_sucesso',
      'cadastro_sucesso',
    ])
    inside.leave()
    await his.hearsThat('usuarios_no_documento', [ana])
    expect(await door.signIn(ana, senha), 'the other namespace stays').toBeTruthy()
  })

  test('--no-classic: neither namespace is there', async () => {
    expect(await outcome(Tab.visit(at(servers.off)))).toBe('Invalid namespace')
    expect(await outcome(Tab.join(at(servers.off, { token: tokens.get(ana) })))).toBe('Invalid namespace')
  })
})

describe('beside our own pages', () => {
  test('A3: the token of the course’s page opens nothing else, and nothing else opens it', async () => {
    const { token, person } = await somebody(servers.usual, 'Olga')
    expect(await codeOf(Connection.to(servers.usual.url, { token }))).toBe('unauthenticated')
    for (const headers of [
      { authorization: `Bearer ${token}` },
      { cookie: `${person.cookie.split('=')[0]}=${token}`, origin: servers.usual.url },
    ])
      expect((await fetch(`${servers.usual.url}/api/documents`, { headers })).status).toBe(401)
    const ours = await people.token(servers.usual, 'Olga')
    expect(await outcome(Tab.join(plainly(servers.usual, ours)))).toBe('jwt audience invalid')
    expect(await codeOf(Connection.to(servers.usual.url, { token: ours }))).toBe('accepted')
  })

  test('A3: a new password ends the page’s session, and its token has expired', async () => {
    const { token, tab } = await somebody(servers.usual, 'Paulo')
    await run(['person', 'password', '--data', servers.usual.data, 'Paulo'], 'another long password\n')
    expect((await tab.hears('disconnect'))[1]).toMatch(/io server disconnect|transport/)
    expect(await outcome(Tab.join(plainly(servers.usual, token)))).toBe('jwt expired')
  })

  test('A3: what still waits when the session ends is not written', async () => {
    const [{ tab: hers }, { tab: his }] = await Promise.all([
      somebody(servers.usual, 'Rosa'),
      somebody(servers.usual, 'Saul'),
    ])
    await hers.add('devagar')
    await hers.select('devagar')
    await his.select('devagar')
    const disk = await slowDisk(servers.usual, 500)
    await run(['person', 'disable', '--data', servers.usual.data, 'Rosa'])
    // The server hears of it within a second. Each text is on the disk before the next is looked at: most wait by then.
    for (const text of ['R', 'Ro', 'Ros', 'Rosa', 'Rosa ', 'Rosa f', 'Rosa fi', 'Rosa fim'])
      hers.write('devagar', text)
    await hers.hears('disconnect')
    // His words take the same way: with the last of them, all of hers would be there.
    const text = (await his.text('devagar'))!
    for (const end of [1, 2, 3, 4, 5, 6, 7, 8]) his.write('devagar', text + '12345678'.slice(0, end))
    await expect.poll(() => his.text('devagar'), { timeout: 30_000 }).toContain('12345678')
    await disk.end()
    expect(await his.text('devagar')).not.toContain('fim')
  })
})

describe('the client that the pages load', () => {
  const dist = join(createRequire(import.meta.url).resolve('socket.io-client'), '../../../dist')
  const files = ['js', 'min.js', 'esm.min.js'].flatMap((end) => [`socket.io.${end}`, `socket.io.${end}.map`])

  test.each(files)('/socket.io/%s is what the package ships', async (file) => {
    for (const server of [servers.usual, servers.off]) {
      const response = await fetch(`${server.url}/socket.io/${file}`)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toMatch(file.endsWith('map') ? /json/ : /javascript/)
      expect(Buffer.from(await response.arrayBuffer()).equals(readFileSync(join(dist, file)))).toBe(true)
      const etag = response.headers.get('etag')!
      const again = await fetch(`${server.url}/socket.io/${file}`, { headers: { 'if-none-match': etag } })
      expect(again.status).toBe(304)
    }
  })
})
