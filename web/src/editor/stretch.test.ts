// The stretch between two lists.
import { expect, test } from 'vitest'
import { stretchBetween } from './stretch'

const list = (letters: string): string[] => [...letters]

test.each([
  ['', '', 0, 0, ''],
  ['', 'ab', 0, 0, 'ab'],
  ['ab', '', 0, 2, ''],
  ['abc', 'abc', 3, 0, ''],
  ['abc', 'axc', 1, 1, 'x'],
  ['abc', 'abxc', 2, 0, 'x'],
  ['aaa', 'aa', 2, 1, ''],
  ['aa', 'aaa', 2, 0, 'a'],
  ['abab', 'ab', 2, 2, ''],
  ['abc', 'xyz', 0, 3, 'xyz'],
])('%j to %j', (before, after, from, removed, added) => {
  expect(stretchBetween(list(before), list(after))).toEqual({ from, removed, added: list(added) })
})

test('put into the one it makes the other, whatever they are', () => {
  const lists = Array.from({ length: 2 ** 6 }, (_, bits) => [...bits.toString(2)])
  for (const before of lists) {
    for (const after of lists) {
      const { from, removed, added } = stretchBetween(before, after)
      expect(before.toSpliced(from, removed, ...added)).toEqual(after)
    }
  }
})
