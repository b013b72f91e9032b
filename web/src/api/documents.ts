// Making, naming, trashing and restoring documents. Their list and content come live.
import { call } from './http'

export interface NewDocument {
  id: string
}

export function createDocument(title: string, kind: 'rich' | 'text'): Promise<NewDocument> {
  return call('POST', '/api/documents', { kind, title })
}

export function renameDocument(id: string, title: string): Promise<void> {
  return call('PATCH', `/api/documents/${id}`, { title })
}

export function trashDocument(id: string): Promise<void> {
  return call('DELETE', `/api/documents/${id}`)
}

export function restoreDocument(id: string): Promise<void> {
  return call('POST', `/api/documents/${id}/restore`)
}

export function deleteForEver(id: string): Promise<void> {
  return call('DELETE', `/api/documents/${id}?forever=1`)
}
