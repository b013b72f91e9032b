// Markdown for CodeMirror's highlighting. No text may hold up the page: its paragraphs are read in one go.
import { markdownLanguage } from '@codemirror/lang-markdown'
import { Language } from '@codemirror/language'
import type { MarkdownParser } from '@lezer/markdown'

/** The time for a paragraph's words grows with the square of their number, if somebody wants that: 0.1 s at this length. */
const LONGEST_PARAGRAPH = 5_000
/** Quotes and lists inside each other; what is deeper is a paragraph. */
const DEEPEST = 50

const parser = (markdownLanguage.parser as MarkdownParser).configure({
  parseBlock: [
    {
      name: 'TooDeep',
      before: 'LinkReference',
      parse(block, { text, pos }) {
        if (block.depth < DEEPEST) return false
        block.addElement(block.elt('Paragraph', block.lineStart + pos, block.lineStart + text.length))
        block.nextLine()
        return true
      },
    },
  ],
  parseInline: [
    {
      name: 'TooLong',
      before: 'Escape',
      parse: (words, _next, at) =>
        at === words.offset && words.end - at > LONGEST_PARAGRAPH ? words.end : -1,
    },
  ],
})

/** With the original's data, by which its commands know the language again. */
export const markdown = new Language(markdownLanguage.data, parser, [], 'markdown')
