// Markdown as a tree of plain data: a closed set of elements with a closed set of facts, and addresses that only lead away.
// It makes no HTML anywhere, so there is nothing in which a document's own HTML could run.
import MarkdownIt, { type Token } from 'markdown-it'

const BLOCKS = ['p', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'blockquote', 'pre', 'hr', 'ul', 'ol', 'li'] as const
const TABLES = ['table', 'thead', 'tbody', 'tr', 'th', 'td'] as const
const WORDS = ['em', 'strong', 's', 'code', 'br', 'a', 'input'] as const

/** What a document may consist of, and nothing else. */
export const TAGS = [...BLOCKS, ...TABLES, ...WORDS]

type Tag = (typeof TAGS)[number]

export type Node = string | Element

export interface Element {
  tag: Tag
  children: Node[]
  /** Of a link: http, https, mailto, or relative. */
  href?: string
  /** This link stands for an image. It is not loaded: that would tell its server who reads what. */
  image?: true
  /** The first number of a list. */
  start?: number
  align?: Align
  /** Of a task. */
  checked?: boolean
}

type Align = 'left' | 'center' | 'right'

const ALIGNS: ReadonlySet<string> = new Set<Align>(['left', 'center', 'right'])
const KNOWN: ReadonlySet<string> = new Set(TAGS)
const SCHEMES: ReadonlySet<string> = new Set(['http:', 'https:', 'mailto:'])
const TASK = /^\[([ xX])\] /

const parser = new MarkdownIt({ html: false, linkify: true })
// Only what says `https://` becomes a link by itself, as names of files end like addresses (`README.md`).
parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false })

interface Block {
  node: Node
  /** The first of its lines, counted from 0. */
  line: number
}

/** The blocks of a text, in order. */
export function blocksOf(text: string): Block[] {
  const tokens = parser.parse(text, {})
  const firsts = tokens.filter(({ level, nesting }) => level === 0 && nesting >= 0)
  return grow(tokens).map((node, at) => ({ node, line: firsts[at]?.map?.[0] ?? 0 }))
}

/** An address as it may be followed, or nothing. Judged by the parser that the browser follows it with. */
export function addressOf(href: string): string | undefined {
  try {
    return SCHEMES.has(new URL(href, 'https://relative.invalid').protocol) ? href : undefined
  } catch {
    return undefined
  }
}

/** Tokens come as a flat list with openings and closings. */
function grow(tokens: readonly Token[], isInLink = false): Node[] {
  const root: Element = { tag: 'p', children: [] }
  const open = [root]
  for (const [at, token] of tokens.entries()) {
    const { children } = open.at(-1)!
    const inLink = isInLink || open.some(({ tag }) => tag === 'a')
    if (token.nesting === 0) {
      if (tokens[at - 2]?.type === 'list_item_open') children.push(...taskIn(token))
      // Not spread: a paragraph may have more pieces than a call has arguments.
      for (const node of leaf(token, inLink)) children.push(node)
    } else if (!token.hidden && KNOWN.has(token.tag)) {
      if (token.nesting < 0) open.pop()
      else {
        const element = elementOf(token)
        children.push(element)
        open.push(element)
      }
    }
  }
  return root.children
}

function elementOf(token: Token): Element {
  const element: Element = { tag: token.tag as Tag, children: [] }
  const href = token.tag === 'a' ? addressOf(fact(token, 'href')) : undefined
  if (href !== undefined) element.href = href
  const start = Number(token.tag === 'ol' && fact(token, 'start'))
  if (start > 0) element.start = start
  const align = fact(token, 'style').replace('text-align:', '')
  if (ALIGNS.has(align)) element.align = align as Align
  return element
}

function fact(token: Token, name: string): string {
  return String(token.attrGet(name) ?? '')
}

function leaf(token: Token, isInLink: boolean): Node[] {
  switch (token.type) {
    case 'inline':
      return grow(token.children ?? [], isInLink)
    case 'softbreak':
      return ['\n']
    case 'hardbreak':
      return [{ tag: 'br', children: [] }]
    case 'hr':
      return [{ tag: 'hr', children: [] }]
    case 'code_inline':
      return [{ tag: 'code', children: [token.content] }]
    case 'fence':
    case 'code_block':
      return [{ tag: 'pre', children: [{ tag: 'code', children: [token.content] }] }]
    case 'image':
      return image(token, isInLink)
    default:
      return [token.content]
  }
}

function image(token: Token, isInLink: boolean): Node[] {
  const source = fact(token, 'src')
  const words = token.content || source
  const href = addressOf(source)
  return href === undefined || isInLink ? [words] : [{ tag: 'a', href, image: true, children: [words] }]
}

/** The box of a task (`- [x] done`); its mark is taken out of the text. */
function taskIn(token: Token): Element[] {
  const words = token.children?.[0]
  const mark = words?.type === 'text' ? TASK.exec(words.content) : null
  if (!words || !mark) return []
  words.content = words.content.slice(mark[0].length)
  return [{ tag: 'input', children: [], checked: mark[1] !== ' ' }]
}
