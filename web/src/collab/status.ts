// What the header says about saving, as a pure reducer over what happened. It must never say more than is known.

/** Why a document can be read but not written. */
export type ReadOnly = 'role' | 'trashed' | 'signed-out' | 'outdated'

/** What is known; `statusOf` turns it into the one thing that is said. */
export interface Facts {
  link: 'connecting' | 'up' | 'down'
  /** The document is open on this link: the answer to `open` has arrived. */
  opened: boolean
  /** Share of a long document that has arrived, 0 to 1. */
  progress: number | undefined
  /** Edits that are not durable yet, the one being gathered included. */
  waiting: number
  /** Waiting edits survive closing the page. */
  kept: boolean
  /** The code of the last refusal of the kind *again*. */
  hindrance: string | undefined
  readOnly: ReadOnly | undefined
  /** The code that ended it. */
  refused: string | undefined
}

export type Happening =
  | { type: 'connected' }
  | { type: 'disconnected' }
  | { type: 'opened' }
  | { type: 'loading'; progress: number }
  | { type: 'waiting'; count: number }
  | { type: 'hindered'; code: string }
  | { type: 'acknowledged' }
  | { type: 'access'; readOnly: ReadOnly | undefined }
  | { type: 'unkept' }
  | { type: 'refused'; code: string }

export type Status =
  | { kind: 'connecting' }
  | { kind: 'loading'; progress: number }
  | { kind: 'saved' }
  | { kind: 'saving'; waiting: number }
  | { kind: 'offline'; waiting: number; kept: boolean }
  | { kind: 'hindered'; code: string; waiting: number }
  | { kind: 'readonly'; why: ReadOnly; waiting: number }
  | { kind: 'refused'; code: string }

export function initialFacts(kept: boolean): Facts {
  return {
    link: 'connecting',
    opened: false,
    progress: undefined,
    waiting: 0,
    kept,
    hindrance: undefined,
    readOnly: undefined,
    refused: undefined,
  }
}

export function reduce(facts: Facts, happening: Happening): Facts {
  switch (happening.type) {
    case 'connected':
      return { ...facts, link: 'up', opened: false, hindrance: undefined }
    case 'disconnected':
      return { ...facts, link: 'down', opened: false, progress: undefined }
    case 'opened':
      return { ...facts, opened: true, progress: undefined, hindrance: undefined }
    case 'loading':
      return { ...facts, progress: happening.progress }
    case 'waiting':
      return { ...facts, waiting: happening.count }
    case 'hindered':
      return { ...facts, hindrance: happening.code }
    case 'acknowledged':
      return { ...facts, hindrance: undefined }
    case 'access':
      return { ...facts, readOnly: happening.readOnly }
    case 'unkept':
      return { ...facts, kept: false }
    case 'refused':
      return { ...facts, refused: happening.code }
  }
}

/** "Saved" needs everything acknowledged and the document open; every doubt is said first. */
export function statusOf(facts: Facts): Status {
  const { waiting } = facts
  if (facts.refused !== undefined) return { kind: 'refused', code: facts.refused }
  if (facts.readOnly === 'signed-out') return { kind: 'readonly', why: facts.readOnly, waiting }
  if (facts.link === 'down') return { kind: 'offline', waiting, kept: facts.kept }
  if (facts.hindrance !== undefined) return { kind: 'hindered', code: facts.hindrance, waiting }
  if (facts.progress !== undefined) return { kind: 'loading', progress: facts.progress }
  if (facts.readOnly === 'trashed') return { kind: 'readonly', why: facts.readOnly, waiting }
  if (facts.link === 'connecting' || !facts.opened) return { kind: 'connecting' }
  if (facts.readOnly !== undefined) return { kind: 'readonly', why: facts.readOnly, waiting }
  return waiting > 0 ? { kind: 'saving', waiting } : { kind: 'saved' }
}
