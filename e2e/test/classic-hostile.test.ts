// Ten thousand pieces of nonsense on every event of the course's contract: each is refused, and nobody else notices.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { io } from 'socket.io-client'
import type { Witnessed } from '../src/bystanders'
import { type Documento, type Io, Tab } from '../src/classic'
import { latencies, percentile } from '../src/measure'
import { events, type Kind, kinds, strangeEvents } from '../src/nonsense'
import * as people from '../src/people'
import { Random } from '../src/random'
import { Raw } from '../src/raw'
import { Server } from '../src/server'
import { type Message, Storm } from '../src/storm'

const perEvent = 10_000
const listsPerNamespace = 100
const quietRounds = 400
const memoryMaxBytes = 64 << 20

const known = 'Ação à vista'
const other = 'outro documento'

let server: Server
let tokens: string[]
/** Somebody who only listens, in both namespaces. */
let listeners: Tab[]
let bystanders: { tell(): Promise<Witnessed> }
const tab = (token?: string) =>
  ({ io: io as unknown as Io, url: server.url, way: 'websocket', token }) as const

beforeAll(async () => {
  const most = '1000000000'
  server = await Server.start({
    args: ['--classic-anonymous', '--max-sign-ins-per-minute', '6000', '--max-bytes-per-second', most],
  })
  const door = await Tab.visit(tab())
  tokens = []
  for (const name of ['Ana', 'Bruno', 'Clara', 'Davi', 'Eva']) {
    await door.signUp(name, people.password)
    tokens.push(await door.signIn(name, people.password))
  }
  const maker = await Tab.join(tab(tokens[2]))
  for (const nome of [known, other, 'dos vizinhos']) await maker.add(nome)
  await maker.select(known)
  maker.write(known, 'fica como está')
  await maker.settle()
  maker.leave()
  door.leave()
  listeners = [await Tab.join(tab(tokens[2])), await Tab.visit(tab())]
  bystanders = await stand('dos vizinhos', tokens[0]!, tokens[1]!)
})
afterAll(() => server?.end())

/** Two people who write to each other all the while. */
async function stand(nome: string, ...two: string[]) {
  const child = fork(new URL('../src/bystanders.ts', import.meta.url), [server.url, nome, ...two], {
    execArgv: ['--import', 'tsx'],
  })
  const gone = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`the bystanders ended: ${code}`)),
  )
  gone.catch(() => {})
  const told = () => Promise.race([once(child, 'message'), gone])
  await told()
  return {
    async tell() {
      const answer = told()
      child.send('tell')
      return (await answer)[0] as Witnessed
    },
  }
}

/** So many messages of an event's kinds, a batch for each kind. */
function* batches(all: Kind[], count: number, random: Random): Generator<[Kind, unknown[][]]> {
  for (const kind of all.toSorted((a, b) => a.most - b.most)) {
    const size = Math.min(kind.most, count)
    count -= size
    yield [kind, Array.from({ length: size }, () => kind.make(random))]
  }
}

/** Everything on every event of one namespace. */
async function rage(storm: Storm, namespace: '/' | '/usuarios', random: Random): Promise<void> {
  const about = (event: string, kind: string) => `${namespace} ${event}, ${kind}, seed ${random.seed}`
  const here = namespace === '/' ? events : events.filter((event) => !event.endsWith('_usuario'))
  for (const event of here) {
    for (const [{ name, answer }, payloads] of batches(kinds(event, known), perEvent, random)) {
      const messages = payloads.map((args): Message => [event, ...args])
      await storm.refused(about(event, name), messages, { ...(answer && { answer }) })
    }
  }
  const [[, strange]] = [...batches([strangeEvents], perEvent, random)] as [[Kind, Message[]]]
  await storm.refused(about('no event', strangeEvents.name), strange)

  // A list is asked for without a payload: what comes with it is not looked at. Nor is there a list without an acknowledgement.
  const lists = strange.map(([, ...args]): Message => ['obter_documentos', ...args])
  await storm.refused(about('obter_documentos', 'unasked'), lists, { asks: false })
  for (const answer of await storm.answered(lists.slice(0, listsPerNamespace)))
    expect(answer).toContainEqual({ _id: expect.any(String), nome: known, texto: 'fica como está' })
}

/** What became of a message on a connection of its own: `refused` by an event, or the connection `ended`. */
async function fate(message: string | Uint8Array): Promise<string> {
  const raw = await Raw.to(server)
  raw.send(`40/usuarios,${JSON.stringify({ token: tokens[3] })}`)
  await raw.hears(/^42\/usuarios,\["autorizacao_sucesso"/)
  raw.send(message)
  const refused = raw.hears(/^42\/usuarios,\["erro",\{"mensagem":"/).then(
    () => 'refused',
    () => 'ended',
  )
  return refused.finally(() => raw.end())
}

/** All documents but the one that changes, and what the two who write in it have. */
const stored = async (): Promise<[Documento[], string | undefined]> => {
  const documents = await listeners[0]!.documents()
  const theirs = documents.find(({ nome }) => nome === 'dos vizinhos')
  return [documents.filter((document) => document !== theirs), theirs?.texto]
}

test('10,000 pieces of nonsense on each event are refused; nobody else notices', async () => {
  const random = Random.seeded('nonsense')
  const [before] = await stored()
  expect(before.map(({ nome, texto }) => [nome, texto])).toEqual([
    [known, 'fica como está'],
    [other, ''],
  ])
  const memoryBefore = server.memory().bytes
  const { pid } = server
  await bystanders.tell()
  let quiet: Witnessed = { durationsMs: [], foreign: [], text: '' }
  while (quiet.durationsMs.length < quietRounds) {
    await listeners[0]!.settle()
    const more = await bystanders.tell()
    quiet = { ...more, durationsMs: [...quiet.durationsMs, ...more.durationsMs] }
  }
  for (const listener of listeners) listener.heard.length = 0

  const startedMs = performance.now()
  const [davi, eva] = await Promise.all([Tab.join(tab(tokens[3])), Tab.join(tab(tokens[4]))])
  // At the door, over a line on which somebody is signed in: who is not may send less.
  const door = await Tab.visit({ ...tab(), beside: davi })
  const storms = [new Storm(door), new Storm(eva)] as const
  await Promise.all([
    rage(storms[0], '/', new Random(random.seed)),
    rage(storms[1], '/usuarios', new Random(random.seed + 1)),
  ])
  const tookS = (performance.now() - startedMs) / 1000
  const during = await bystanders.tell()
  const sent = storms.reduce((sum, storm) => sum + storm.sent, 0)
  const grewBytes = server.memory().peakBytes - memoryBefore
  console.log(
    `${sent} refused in ${tookS.toFixed(1)} s; bystanders: before ${latencies(quiet.durationsMs)}, ` +
      `during ${latencies(during.durationsMs)}; memory +${(grewBytes / 2 ** 20).toFixed(0)} MiB`,
  )

  expect(during.foreign).toEqual([])
  expect(listeners.map((listener) => listener.heard)).toEqual([[], []])
  for (const storm of storms)
    expect(
      storm.heard.filter((event) => !/^(erro|cadastro_erro|autenticacao_erro|ack)$/.test(event)),
    ).toEqual([])
  expect(grewBytes).toBeLessThan(memoryMaxBytes)
  expect(server.pid).toBe(pid)
  expect((await fetch(`${server.url}/health`)).status).toBe(200)
  const [after, theirs] = await stored()
  expect(after).toEqual(before)
  expect(theirs!.startsWith(during.text), 'the text of those who write').toBe(true)
  expect(during.durationsMs.length).toBeGreaterThan(100)
  const slower = (share: number) =>
    percentile(during.durationsMs, share) - percentile(quiet.durationsMs, share)
  expect(slower(0.5), 'p50, ms more than before').toBeLessThan(20)
  expect(slower(0.99), 'p99, ms more than before').toBeLessThan(100)
})

test('what no client sends is refused, or ends the connection that it came on, and no other', async () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  for (const [message, expected] of [
    [`42/usuarios,["texto_editor",${deep}]`, 'refused'],
    [`42/usuarios,["adicionar_documento",${deep}]`, 'refused'],
    [`42/usuarios,7["adicionar_documento","\\ud800"]`, 'refused'],
    [`42/usuarios,["texto_editor",{"texto":"x","nomeDocumento":"${known}","texto":"y"}]`, 'refused'],
    [`42/usuarios,["texto_editor",{"texto":`, 'ended'],
    [`42/usuarios,["adicionar_documento"`, 'ended'],
    ['42/usuarios,["adicionar_documento",' + '0,'.repeat(500_000) + '0]', 'refused'],
    ['42/usuarios,[]', 'ended'],
    ['42/usuarios,["\\u0000"]', 'ended'],
    ['42/usuarios,[5,"x"]', 'ended'],
    ['42/usuarios,[{"$gt":""},"x"]', 'ended'],
    ['451-/usuarios,["adicionar_documento"', 'ended'],
    [
      '452-/usuarios,["adicionar_documento",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
      'ended',
    ],
    ['4999999999999-/usuarios,["adicionar_documento",{"_placeholder":true,"num":0}]', 'ended'],
    ['hello', 'ended'],
    ['', 'ended'],
    [Uint8Array.of(255, 254, 0), 'ended'],
    [`42/usuarios,["adicionar_documento","${'x'.repeat(5 << 20)}"]`, 'ended'],
  ] as const) {
    expect(await fate(message), String(message).slice(0, 80)).toBe(expected)
  }
  expect((await bystanders.tell()).foreign).toEqual([])
  expect((await stored())[0]).toHaveLength(2)
})
