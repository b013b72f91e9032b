// What others say of their carets is not trusted (W7).
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { carried, placeOf, type Somebody } from './others'

const somebody = (caret: unknown, connection = 1): Somebody => ({
  connection,
  person: { id: 'p', name: 'P' },
  caret,
})

function text(): Y.Text {
  const shared = new Y.Doc().getText('text')
  shared.insert(0, 'one two')
  return shared
}

const find = (shared: Y.Text) => (position: Y.RelativePosition) =>
  Y.createAbsolutePositionFromRelativePosition(position, shared.doc!)?.index

describe('a place', () => {
  test('is found, also behind what was written before it', () => {
    const shared = text()
    const place = JSON.parse(JSON.stringify(Y.createRelativePositionFromTypeIndex(shared, 4))) as unknown
    shared.insert(0, 'zero ')
    expect(placeOf(place, find(shared))).toBe(9)
  })

  test.each([
    {},
    'x',
    7,
    [1],
    true,
    { item: 5 },
    { item: { client: 'x', clock: {} } },
    { item: { client: 99, clock: 0 } },
    { item: { client: -1, clock: 1e99 } },
    { type: { client: 1, clock: 2 } },
    { tname: {} },
    { item: null, tname: null, type: null },
  ])('is nowhere if %j names it', (position) => {
    const shared = text()
    expect([undefined, 0]).toContain(placeOf(position, find(shared)))
    expect(shared.toString()).toBe('one two')
  })
})

test('carets are drawn of those who have one, and of so many at most', () => {
  const place = { item: null, tname: 'text' }
  const none = [undefined, null, 5, 'x', {}, { anchor: place }, { head: place }].map((caret) =>
    somebody(caret),
  )
  expect(carried(none)).toEqual([])
  const many = Array.from({ length: 99 }, (_, at) => somebody({ anchor: place, head: place }, at))
  expect(carried(many).map((one) => one.somebody.connection)).toEqual(
    many.slice(-30).map((one) => one.connection),
  )
})
