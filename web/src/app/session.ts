// Who is signed in, their one live connection, and what the browser keeps for them.
import { effect, signal } from '@preact/signals'
import { ApiError } from '../api/http'
import * as api from '../api/session'
import { Connection } from '../collab/connection'
import { KeptInMemory, type Kept } from '../collab/kept'
import { keptInBrowser } from '../collab/kept-in-browser'

export type SessionState =
  | { state: 'unknown' }
  | { state: 'unreachable' }
  | { state: 'out'; signUp: api.SignUp; first: boolean; again: boolean }
  | { state: 'in'; me: api.Me; connection: Connection }

const LOOK_AGAIN_MS = 2_000

export const session = signal<SessionState>({ state: 'unknown' })

/** What the browser keeps; the same for the life of the page. */
export const kept: Promise<Kept> = keptInBrowser().then((browser) => browser ?? new KeptInMemory())

/** Asks the server who we are. `again`: somebody was signed in a moment ago. */
export async function lookUpSession({ again = false } = {}): Promise<void> {
  try {
    const answer = await api.getSession()
    if (answer.person) enter(answer.person)
    else session.value = { state: 'out', signUp: answer.signup, first: answer.first, again }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    if (session.value.state !== 'in') session.value = { state: 'unreachable' }
    setTimeout(() => void lookUpSession({ again }), LOOK_AGAIN_MS)
  }
}

export async function signIn(name: string, password: string): Promise<void> {
  enter(await api.signIn(name, password))
}

export async function signUp(name: string, password: string, invite?: string): Promise<void> {
  enter(await api.signUp(name, password, invite))
}

/** Signs out here, and forgets what was kept: ask first if something waits. */
export async function signOut(): Promise<void> {
  const now = session.value
  if (now.state !== 'in') return
  now.connection.close()
  try {
    await api.signOut()
  } catch (error) {
    enter(now.me)
    throw error
  }
  await (await kept).forget(now.me.id)
  await lookUpSession()
}

function enter(me: api.Me): void {
  const connection = new Connection()
  session.value = { state: 'in', me, connection }
  const stop = effect(() => {
    if (connection.ended.value === undefined) return
    queueMicrotask(() => stop())
    connection.close()
    // The content is hidden; what waits stays kept for the same person (D5).
    session.value = { state: 'unknown' }
    void lookUpSession({ again: true })
  })
}
