// Which page an address shows, wherever the application lives.
import { expect, test } from 'vitest'
import { routeOf } from './router'

const ID = 'abcdefghijklmnopqrstuvwxyz'

test.each(['https://docs.example/', 'https://docs.example/app/'])('below %s', (base) => {
  expect(routeOf(base, base)).toEqual({ page: 'documents' })
  expect(routeOf(`${base}trash`, base)).toEqual({ page: 'trash' })
  expect(routeOf(`${base}signup`, base)).toEqual({ page: 'sign', mode: 'up' })
  expect(routeOf(`${base}d/${ID}`, base)).toEqual({ page: 'document', id: ID })
  expect(routeOf(`${base}d/${ID}x`, base)).toEqual({ page: 'nothing' })
  expect(routeOf(`${base}/trash`, base)).toEqual({ page: 'nothing' })
})

test('an address that is not below the base is none of our pages', () => {
  expect(routeOf('https://docs.example/trash', 'https://docs.example/app/')).toEqual({ page: 'nothing' })
  expect(routeOf('https://docs.example/', 'https://docs.example/app/')).toEqual({ page: 'nothing' })
})
