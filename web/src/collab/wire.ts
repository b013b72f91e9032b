// The messages of the `/live` namespace, as the server speaks them. Types and byte reading only: no behaviour.
import * as decoding from 'lib0/decoding'

/** A position in a document's log: what this client has, and the tag that proves which log it is (L7). */
export interface Cursor {
  seq: number
  tag: string
}

export interface Person {
  id: string
  name: string
}

export type Role = 'viewer' | 'commenter' | 'editor' | 'owner'
export type Kind = 'rich' | 'text'

/** A refusal. `retry` is what to do about it (D3). */
export interface Refusal {
  code: string
  message: string
  retry: 'again' | 'later' | 'never'
}

export interface Refused {
  error: Refusal
}

/** Somebody's presence, keyed by the number that the server gave to the connection (W7). */
export interface Present {
  connection: number
  person: Person
  state: unknown
}

export type Binary = ArrayBuffer | Uint8Array

export interface OpenAnswer extends Cursor {
  doc: string
  title: string
  kind: Kind
  role: Role
  trashed?: boolean
  schema: number
  /** Bytes that may be unconfirmed before the server waits (D6). */
  window: number
  history?: 'changed'
  head: number
  connection: number
  snapshot?: Binary
  /** So many `snapshot` messages follow instead of `snapshot`. */
  parts?: number
  updates?: Binary
  present: Present[]
}

/** What an edit's acknowledgement says: nothing, or the entry that is wholly the sender's own (D2). */
export interface EditAnswer {
  from?: number
  seq?: number
  tag?: string
  /** A part has arrived; the edit itself has not. */
  part?: number
}

export interface EditsMessage extends Cursor {
  doc: string
  from: number
}

export interface SnapshotMessage extends Cursor {
  doc: string
  part: number
  parts: number
}

export interface PresenceMessage {
  doc: string
  people: Present[]
}

export interface DocumentChanged {
  doc: string
  title?: string
  role?: Role | null
  trashed?: boolean
  schema?: number
  gone?: boolean
}

/** One line of the list of documents; the same over HTTP. */
export interface DocumentRow {
  id: string
  title: string
  kind: Kind
  role: Role
  visibility: 'instance' | 'private'
  owner: string
  /** Milliseconds since 1970. */
  changed: number
  changedBy: string | null
  trashed: boolean
}

export interface DocumentPage {
  documents: DocumentRow[]
  next?: string
}

export interface ListChanged {
  documents: DocumentRow[]
  gone: string[]
}

export function isRefused(answer: unknown): answer is Refused {
  return typeof answer === 'object' && answer !== null && 'error' in answer
}

export function bytesOf(binary: Binary): Uint8Array {
  return binary instanceof Uint8Array ? binary : new Uint8Array(binary)
}

/** The updates that stand one after the other in `updates` and in an `edits` attachment. */
export function readUpdates(binary: Binary | undefined): Uint8Array[] {
  const updates: Uint8Array[] = []
  if (binary === undefined) return updates
  const decoder = decoding.createDecoder(bytesOf(binary))
  while (decoding.hasContent(decoder)) updates.push(decoding.readVarUint8Array(decoder))
  return updates
}
