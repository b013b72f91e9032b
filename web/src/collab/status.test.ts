// The words that a person reads about saving, from what happened.
import { describe, expect, test } from 'vitest'
import { initialFacts, reduce, statusOf, type Happening, type Status } from './status'

function after(...happenings: Happening[]): Status {
  return statusOf(happenings.reduce(reduce, initialFacts(true)))
}

const OPEN: Happening[] = [{ type: 'connected' }, { type: 'opened' }]

describe('what is said about saving', () => {
  test('is "saved" only when the document is open and nothing waits', () => {
    expect(after().kind).toBe('connecting')
    expect(after({ type: 'connected' }).kind).toBe('connecting')
    expect(after(...OPEN).kind).toBe('saved')
    expect(after(...OPEN, { type: 'waiting', count: 1 })).toEqual({ kind: 'saving', waiting: 1 })
    expect(after(...OPEN, { type: 'waiting', count: 1 }, { type: 'waiting', count: 0 }).kind).toBe('saved')
  })

  test('is "offline" at once when the link is gone, and not "saved" again before the document is open again', () => {
    const lost: Happening[] = [...OPEN, { type: 'waiting', count: 3 }, { type: 'disconnected' }]
    expect(after(...lost)).toEqual({ kind: 'offline', waiting: 3, kept: true })
    expect(after(...lost, { type: 'unkept' })).toEqual({ kind: 'offline', waiting: 3, kept: false })
    expect(after(...lost, { type: 'waiting', count: 0 }, { type: 'connected' }).kind).toBe('connecting')
  })

  test('names a hindrance until an edit is acknowledged (D3, again)', () => {
    const hindered: Happening[] = [...OPEN, { type: 'waiting', count: 2 }, { type: 'hindered', code: 'busy' }]
    expect(after(...hindered)).toEqual({ kind: 'hindered', code: 'busy', waiting: 2 })
    expect(after(...hindered, { type: 'acknowledged' })).toEqual({ kind: 'saving', waiting: 2 })
  })

  test('says that nothing can be written, and what waits meanwhile (D3, later)', () => {
    const trashed: Happening[] = [
      ...OPEN,
      { type: 'waiting', count: 2 },
      { type: 'access', readOnly: 'trashed' },
    ]
    expect(after(...trashed)).toEqual({ kind: 'readonly', why: 'trashed', waiting: 2 })
    expect(after(...trashed, { type: 'access', readOnly: undefined }).kind).toBe('saving')
    expect(after(...OPEN, { type: 'access', readOnly: 'signed-out' }, { type: 'disconnected' }).kind).toBe(
      'readonly',
    )
  })

  test('never leaves a final refusal (D3, never)', () => {
    expect(after(...OPEN, { type: 'refused', code: 'gone' }, { type: 'disconnected' }, ...OPEN)).toEqual({
      kind: 'refused',
      code: 'gone',
    })
  })

  test('shows how much of a long document has arrived', () => {
    expect(after({ type: 'connected' }, { type: 'loading', progress: 0.5 })).toEqual({
      kind: 'loading',
      progress: 0.5,
    })
    expect(after({ type: 'connected' }, { type: 'loading', progress: 0.5 }, { type: 'opened' }).kind).toBe(
      'saved',
    )
  })
})
