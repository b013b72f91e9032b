// The borders inside web/src, kept by a test: who may import what, and how long a file may be.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const LONGEST_LINES = 500

const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.(ts|tsx|css)$/.test(path))
  .map((path) => ({ path, text: readFileSync(join(import.meta.dirname, path), 'utf8') }))

const importers = (pattern: RegExp): string[] =>
  files
    .filter(({ text }) =>
      [...text.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].some(([, from]) => pattern.test(from!)),
    )
    .map(({ path }) => path)

const holding = (pattern: RegExp): string[] =>
  files.filter(({ text }) => pattern.test(text)).map(({ path }) => path)

test('the files are found', () => {
  expect(files.length).toBeGreaterThan(30)
  expect(importers(/^yjs$/).length).toBeGreaterThan(3)
})

test('only collab/ knows Socket.IO', () => {
  expect(importers(/^socket\.io-client/).filter((path) => !path.startsWith('collab/'))).toEqual([])
})

test('editor/ receives its document and never imports collab/', () => {
  expect(importers(/\/collab\//).filter((path) => path.startsWith('editor/'))).toEqual([])
})

test('collab/ and api/ draw nothing', () => {
  const drawing = importers(/^preact|^@preact\/signals$|\/ui\/|\/pages\//)
  expect(drawing.filter((path) => /^(collab|api)\//.test(path))).toEqual([])
})

test('each kind of document has its editor, loaded when it is needed and free of the other', () => {
  expect(holding(/from '[^']*editor\/(text-)?editor'/)).toEqual([])
  expect(holding(/import\('[^']*editor\/(text-)?editor'\)/)).toEqual(['pages/document.tsx'])
  const rich = importers(/^@tiptap\/|\/toolbar$|\/schema$|\/carets$/)
  const plain = importers(/^@codemirror\/|^y-codemirror|\/text-view$|\/text-carets$/)
  expect(rich.length).toBeGreaterThan(3)
  expect(plain.length).toBeGreaterThan(3)
  expect(rich.filter((path) => plain.includes(path))).toEqual([])
})

test('y-prosemirror is never bundled beside y-tiptap', () => {
  expect(importers(/^y-prosemirror/)).toEqual([])
})

test('a file has one job: none is longer than 500 lines, except the one style sheet', () => {
  const long = files.filter(
    ({ path, text }) => !path.endsWith('.css') && text.split('\n').length > LONGEST_LINES,
  )
  expect(long.map(({ path }) => path)).toEqual([])
})
