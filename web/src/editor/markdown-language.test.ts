// Highlighting must not hold up the page, whatever somebody wrote.
import { expect, test } from 'vitest'
import { markdown } from './markdown-language'

const partsOf = (text: string): string[] => {
  const names: string[] = []
  markdown.parser.parse(text).iterate({ enter: ({ name }) => void names.push(name) })
  return names
}

test('a paragraph that is too long is one piece, and the next one is not', () => {
  const long = '[a](*b'.repeat(1_000)
  const names = partsOf(`*a* ${long}\n\n*b* \`c\` ~~d~~\n\n# [e](f)`)
  expect(names.filter((name) => name === 'Paragraph').length).toBe(2)
  expect(names.filter((name) => name === 'Emphasis').length).toBe(1)
  expect(names).toEqual(expect.arrayContaining(['InlineCode', 'Strikethrough', 'ATXHeading1', 'Link']))
})

test('quotes that are too deep end at some depth', () => {
  expect(partsOf(`${'> '.repeat(200)}a\n\n*b*`).filter((name) => name === 'Blockquote').length).toBeLessThan(
    60,
  )
  expect(partsOf(`${'> '.repeat(200)}a\n\n*b*`)).toContain('Emphasis')
})

test.each(['![[]()', '[a](', '*a_ ', '[', '`a``', '<a ', 'http://a.', '> ', '1. ', '- > ', '|a', '**_'])(
  'a megabyte of %j is read in a moment',
  (unit) => {
    const begun = performance.now()
    partsOf(unit.repeat(1_000_000 / unit.length))
    expect(performance.now() - begun).toBeLessThan(5_000)
  },
)
