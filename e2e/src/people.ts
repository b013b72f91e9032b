// People and documents over plain HTTP, as any program would make them. Knows nothing of Socket.IO.
import type { Server } from './server'

/** Somebody who is signed in. */
export interface Person {
  id: string
  name: string
  /** What a browser would send back. */
  cookie: string
}

export type Role = 'viewer' | 'commenter' | 'editor' | 'owner'

/** A document's row. Times are in ms since 1970. */
export interface Row {
  id: string
  title: string
  kind: 'rich' | 'text'
  role: Role
  visibility: 'instance' | 'private'
  owner: string
  changed: number
  changedBy: string | null
  trashed: boolean
}

/** An answer of 400 or more. */
export class HttpRefused extends Error {
  readonly status: number
  readonly code: string | undefined
  constructor(what: string, status: number, body: string) {
    super(`${what}: ${status} ${body}`)
    this.status = status
    this.code = (JSON.parse(body || '{}') as { error?: { code?: string } }).error?.code
  }
}

export const password = 'correct horse battery staple'

/** Sends a request as `person` (or as nobody) the way a browser does, with its cookie and origin. */
export function ask(server: Server, person: Person | null, method: string, path: string, body?: unknown) {
  return fetch(server.url + path, {
    method,
    headers: {
      ...(person && { cookie: person.cookie, origin: server.url }),
      ...(method !== 'GET' && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

async function wanted(server: Server, person: Person | null, method: string, path: string, body?: unknown) {
  const response = await ask(server, person, method, path, body)
  if (!response.ok) throw new HttpRefused(`${method} ${path}`, response.status, await response.text())
  return response
}

function signedIn(response: Response, person: { id: string; name: string }): Person {
  const cookie = response.headers.getSetCookie().map((line) => line.split(';')[0])
  return { id: person.id, name: person.name, cookie: cookie.join('; ') }
}

/** Makes an account; its person is signed in. */
export async function signUp(server: Server, name: string): Promise<Person> {
  const response = await wanted(server, null, 'POST', '/api/signup', { name, password })
  const { person } = (await response.json()) as { person: Person }
  return signedIn(response, person)
}

/** Another session of somebody who has an account. */
export async function signIn(server: Server, name: string): Promise<Person> {
  const response = await wanted(server, null, 'POST', '/api/session', { name, password })
  const { person } = (await response.json()) as { person: Person }
  return signedIn(response, person)
}

/** A session for a program: a token instead of a cookie. */
export async function token(server: Server, name: string): Promise<string> {
  const response = await wanted(server, null, 'POST', '/api/session', { name, password, token: true })
  return ((await response.json()) as { token: string }).token
}

export async function signOut(server: Server, person: Person): Promise<void> {
  await wanted(server, person, 'DELETE', '/api/session')
}

export async function createDocument(
  server: Server,
  person: Person,
  kind: Row['kind'],
  title = 'A document',
) {
  const response = await wanted(server, person, 'POST', '/api/documents', { title, kind })
  return ((await response.json()) as Row).id
}

/** Changes a document's title or visibility. */
export async function patch(
  server: Server,
  person: Person,
  doc: string,
  change: Partial<Row>,
): Promise<void> {
  await wanted(server, person, 'PATCH', `/api/documents/${doc}`, change)
}

export async function trash(server: Server, person: Person, doc: string): Promise<void> {
  await wanted(server, person, 'DELETE', `/api/documents/${doc}`)
}

/** Only from the trash. */
export async function deleteForEver(server: Server, owner: Person, doc: string): Promise<void> {
  await wanted(server, owner, 'DELETE', `/api/documents/${doc}?forever=1`)
}

export async function restoreFromTrash(server: Server, person: Person, doc: string): Promise<void> {
  await wanted(server, person, 'POST', `/api/documents/${doc}/restore`)
}

/** Gives `member` a role of their own. */
export async function share(
  server: Server,
  owner: Person,
  doc: string,
  member: Person,
  role: Role,
): Promise<void> {
  const name = encodeURIComponent(member.name)
  await wanted(server, owner, 'PUT', `/api/documents/${doc}/members/${name}`, { role })
}

/** The document as plain text, as the server reads it from its log. */
export async function exportedText(server: Server, person: Person, doc: string): Promise<string> {
  return (await wanted(server, person, 'GET', `/api/documents/${doc}/text`)).text()
}
