// Signing up, in and out.
import { ApiError, call } from './http'

export interface Me {
  id: string
  name: string
  /** Owns the instance. */
  owner: boolean
}

export type SignUp = 'open' | 'invite' | 'closed'

export type Session = { person: Me } | { person: undefined; signup: SignUp; first: boolean }

export async function getSession(): Promise<Session> {
  try {
    return { person: (await call<{ person: Me }>('GET', '/api/session')).person }
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error
    const { signup = 'open', first = false } = (error.body ?? {}) as { signup?: SignUp; first?: boolean }
    return { person: undefined, signup, first }
  }
}

export async function signIn(name: string, password: string): Promise<Me> {
  return (await call<{ person: Me }>('POST', '/api/session', { name, password })).person
}

export async function signUp(name: string, password: string, invite?: string): Promise<Me> {
  const body = { name, password, ...(invite ? { invite } : {}) }
  return (await call<{ person: Me }>('POST', '/api/signup', body)).person
}

export function signOut(): Promise<void> {
  return call('DELETE', '/api/session')
}
