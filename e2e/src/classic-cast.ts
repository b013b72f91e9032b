// Three people with the course's client, of one release and over one transport, and what they do in every test.
// What they begin in a test ends with it.
import { beforeAll, expect, onTestFinished } from 'vitest'
import { io as io453 } from 'socket.io-client-4.5.3'
import { io } from 'socket.io-client'
import { type Heard, type Io, NotAuthorised, Tab, type Way } from './classic'
import { password, signUp } from './people'
import type { Server } from './server'

const newest = io as unknown as Io

export interface Variant {
  release: string
  io: Io
  way: Way
}

/** The client of the course's time and the newest, each over each transport. */
export const variants: Variant[] = [
  { release: '4.5.3', io: io453 as unknown as Io },
  { release: 'newest', io: newest },
].flatMap((client) => (['polling', 'websocket', 'upgrade'] as const).map((way) => ({ ...client, way })))

/** Signs up three people before the tests. `server` is asked once those begin. */
export function castOf({ release, io, way }: Variant, server: () => Server) {
  /** A name that no other variant uses. */
  const own = (name: string) => `${name} ${release} ${way}`
  const [ana, bruno, clara] = [own('Ana'), own('Bruno'), own('Clara')] as [string, string, string]
  const tokens = new Map<string, string>()

  /** How a tab of this variant connects. */
  const at = (there = server(), more: { token?: unknown; beside?: Tab } = {}) => ({
    io,
    url: there.url,
    way,
    ...more,
  })
  const visit = (there?: Server) => staged(Tab.visit(at(there)))
  const tabOf = (person: string) => staged(Tab.join(at(server(), { token: tokens.get(person) })))
  const tabs = (...persons: string[]) => Promise.all(persons.map(tabOf))

  /** A document that everybody who listens has heard of. */
  async function document(name: string, maker: Tab, ...listening: Tab[]): Promise<string> {
    const nome = own(name)
    await maker.add(nome)
    await Promise.all(listening.map((tab) => tab.hearsThat('adicionar_documento_interface', nome)))
    return nome
  }

  /** A document with these people inside, and each of them knows of all. */
  async function room(name: string, ...inside: [Tab, string][]): Promise<string> {
    const nome = await document(name, ...(inside.map(([tab]) => tab) as [Tab, ...Tab[]]))
    for (const [tab] of inside) await tab.select(nome)
    const names = inside.map(([, person]) => person)
    for (const [tab] of inside) await tab.hearsThat('usuarios_no_documento', names)
    return nome
  }

  beforeAll(async () => {
    const door = await Tab.visit(at())
    for (const person of [ana, bruno, clara]) {
      expect(await door.signUp(person, password)).toBe('cadastro_sucesso')
      tokens.set(person, await door.signIn(person, password))
    }
    door.leave()
  })

  return { own, ana, bruno, clara, tokens, at, visit, tabOf, tabs, document, room }
}

/** Somebody new, with an account made on our own pages and a tab of the course's. */
export async function somebody(server: Server, name: string) {
  const person = await signUp(server, name)
  const door = await Tab.visit(plainly(server))
  const token = await door.signIn(name, password)
  door.leave()
  return { person, token, tab: await staged(Tab.join(plainly(server, token))) }
}

/** The newest client over a WebSocket, where neither matters. */
export const plainly = (server: Server, token?: unknown) =>
  ({ io: newest, url: server.url, way: 'websocket', token }) as const

/** A tab that leaves when the test is over. */
export async function staged(entering: Promise<Tab>): Promise<Tab> {
  const tab = await entering
  onTestFinished(() => tab.leave())
  return tab
}

/** Everything that these tabs hear while something is done, and until each of them has made a round trip after it. */
export async function heardDuring(listening: Tab[], doing: () => unknown): Promise<Heard[][]> {
  const marks = listening.map((tab) => tab.heard.length)
  await doing()
  await Promise.all(listening.map((tab) => tab.settle()))
  return listening.map((tab, at) => tab.heard.slice(marks[at]))
}

/** What became of an attempt to enter: `let in`, or the server's words. */
export const outcome = (entering: Promise<Tab>) =>
  entering.then(
    (tab) => (tab.leave(), 'let in'),
    (error: unknown) => (error instanceof NotAuthorised ? error.message : String(error)),
  )
