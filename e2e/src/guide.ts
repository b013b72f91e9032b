// Reads our Markdown: lessons, fenced blocks, links and headings. Judges and runs nothing.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../..')

/** What stands between two fences: its language, the file that it makes (if any), and the line where it begins. */
export interface Block {
  language: string
  file: string
  body: string
  line: number
}

/** A link to a file of ours: what it is called, and where it leads, from the root. */
export interface Link {
  text: string
  file: string
  /** What follows `#`, or nothing. */
  place: string
}

export interface Lesson {
  title: string
  blocks: Block[]
  links: Link[]
}

/** Every page of the documentation, by its path from the root. */
export function pages(): string[] {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  const below = docs.filter((name) => name.endsWith('.md')).map((name) => join('docs', name))
  return ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'e2e/README.md', ...below.sort()]
}

export const read = (page: string): string => readFileSync(join(root, page), 'utf8')

/** What each second-level heading opens; what comes before the first one has no title. */
export function lessons(page: string, markdown: string): Lesson[] {
  const parts = markdown.split(/^(?=## )/m)
  const lines = parts.map((part) => part.split('\n').length - 1)
  return parts.map((part, index) => ({
    title: /^## (.*)/.exec(part)?.[1] ?? '',
    blocks: blocks(
      part,
      lines.slice(0, index).reduce((all, count) => all + count, 1),
    ),
    links: links(page, part),
  }))
}

function blocks(markdown: string, firstLine: number): Block[] {
  return [...markdown.matchAll(/^```(\w*) ?(\S*)\n([^]*?)^```$/gm)].map((found) => ({
    language: found[1]!,
    file: found[2]!,
    body: found[3]!,
    line: firstLine + markdown.slice(0, found.index).split('\n').length - 1,
  }))
}

/** The links of a page that lead to files; those to the web are not looked at. */
export function links(page: string, markdown: string): Link[] {
  const prose = markdown.replace(/^```[^]*?^```$/gm, '')
  const found = prose.matchAll(/\[((?:`[^`]*`|[^\]`])*)\]\(([^)\s]+)\)/g)
  const inside = [...found].filter(([, , target]) => !/^[a-z]+:/.test(target!))
  return inside.map(([, text, target]) => {
    const [path, place = ''] = target!.split('#')
    const file = path ? relative(root, resolve(root, dirname(page), path)) : page
    return { text: text!, file, place }
  })
}

/** The anchors that a page offers, as GitHub makes them of its headings. */
export function headings(markdown: string): string[] {
  const titles = markdown.replace(/^```[^]*?^```$/gm, '').matchAll(/^#+ (.*)$/gm)
  return [...titles].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  )
}
