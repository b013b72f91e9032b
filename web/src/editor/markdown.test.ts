// What becomes of Markdown, above all of Markdown that was written to do harm.
import { describe, expect, test } from 'vitest'
import { addressOf, blocksOf, TAGS, type Element, type Node } from './markdown'

const treeOf = (text: string): Node[] => blocksOf(text).map(({ node }) => node)

const elementsIn = (nodes: readonly Node[]): Element[] =>
  nodes.flatMap((node) => (typeof node === 'string' ? [] : [node, ...elementsIn(node.children)]))

const wordsIn = (nodes: readonly Node[]): string =>
  nodes.map((node) => (typeof node === 'string' ? node : wordsIn(node.children))).join('')

const FACTS = new Set(['tag', 'children', 'href', 'image', 'start', 'align', 'checked'])

/** Whatever in the tree is not of the closed set, or leads to something that could run. */
function harmIn(text: string): Element[] {
  return elementsIn(treeOf(text)).filter((element) => {
    const isKnown = TAGS.includes(element.tag) && Object.keys(element).every((fact) => FACTS.has(fact))
    const { protocol } = new URL(element.href ?? '', 'https://here.example/app/')
    return !isKnown || !['http:', 'https:', 'mailto:'].includes(protocol)
  })
}

const SCHEMES = [
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)',
  '&#106;avascript:alert(1)',
  '&#x6A;avascript&colon;alert(1)',
  'javascript&#58;alert(1)',
  'java&Tab;script:alert(1)',
  'java&NewLine;script:alert(1)',
  'java\tscript:alert(1)',
  '\u0001javascript:alert(1)',
  '&#1;javascript:alert(1)',
  ' javascript:alert(1)',
  '\u00a0javascript:alert(1)',
  'javascript\\:alert(1)',
  'javascript%3Aalert(1)',
  'javascript://example.org/%0aalert(1)',
  'vbscript:msgbox(1)',
  'data:text/html,<script>alert(1)</script>',
  'data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==',
  'data:image/svg+xml,<svg onload=alert(1)>',
  'data:image/png;base64,iVBORw0KGgo=',
  'blob:https://here.example/1',
  'file:///etc/passwd',
  'filesystem:https://here.example/x',
  'view-source:https://here.example/',
  'about:blank',
  'feed:javascript:alert(1)',
  'x-javascript:alert(1)',
]

describe('no address leads to anything that runs', () => {
  test.each(SCHEMES)('%j', (address) => {
    const texts = [
      `[x](${address})`,
      `[x](<${address}>)`,
      `[x](${address} "title")`,
      `![x](${address})`,
      `![x](<${address}>)`,
      `[![x](${address})](${address})`,
      `<${address}>`,
      `[x][1]\n\n[1]: ${address}`,
      `[x][1]\n\n[1]: <${address}>`,
      `[1]\n\n[1]: ${address}`,
      `${address}`,
      `| a |\n|---|\n| [x](${address}) |`,
    ]
    expect(texts.flatMap(harmIn)).toEqual([])
  })

  test('also if the Markdown parser let it through', () => {
    for (const address of SCHEMES.slice(0, 2).concat(
      'java\nscript:alert(1)',
      '\u0001javascript:1',
      'data:,1',
    )) {
      expect(addressOf(address)).toBeUndefined()
    }
    for (const address of ['http://[', 'https://a:b:c', '//']) expect(addressOf(address)).toBeUndefined()
  })

  test('but the addresses of pages, of mail and of other documents do lead there', () => {
    const links = [
      'https://example.org/a?b=1#c',
      'http://example.org/',
      'mailto:ana@example.org',
      'd/abc',
      '#part',
      '/x',
    ]
    for (const link of links) {
      expect(elementsIn(treeOf(`[x](${link})`)).find(({ tag }) => tag === 'a')?.href).toBe(link)
    }
  })
})

describe("a document's own HTML is words", () => {
  test.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '<svg/onload=alert(1)>',
    '<svg><script>alert(1)</script></svg>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<a href="javascript:alert(1)">x</a>',
    '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>',
    '<style>@import "https://example.org"</style>',
    '<base href="https://example.org/">',
    '<form action="https://example.org"><input name=password></form>',
    '<details open ontoggle=alert(1)>',
    '<!-- --><script>alert(1)</script>',
    '<![CDATA[<script>alert(1)</script>]]>',
    '<?php echo 1 ?><script>alert(1)</script>',
  ])('%s', (html) => {
    for (const text of [
      html,
      `a ${html} b`,
      `> ${html}`,
      `- ${html}`,
      `# ${html}`,
      `**${html}**`,
      `[${html}](x)`,
    ]) {
      expect(harmIn(text)).toEqual([])
      expect(elementsIn(treeOf(text)).find(({ tag }) => tag === 'input')).toBeUndefined()
      expect(wordsIn(treeOf(text))).toContain(html.slice(0, 4))
    }
  })

  test('inside of code, names of languages, titles and tables too', () => {
    const texts = [
      '```"><script>alert(1)</script>\nx\n```',
      '```js onload=alert(1) style=x\n<script>\n```',
      '    <script>alert(1)</script>',
      '`<script>alert(1)</script>`',
      '[x](https://example.org "\\" onmouseover=alert(1) x=\\"")',
      '![" onerror="alert(1)](https://example.org/a.png)',
      '![x](https://example.org/a.png" onerror="alert(1))',
      '[x](https://example.org/"onclick="alert(1))',
      '| <script>a</script> |\n|:-:"onclick="|\n| x |',
      '1234567890. <img>\n0. x',
      '[__proto__]\n\n[__proto__]: https://example.org',
      '[constructor] [toString]',
      '{% x %} {{constructor.constructor("alert(1)")()}} ${alert(1)}',
      '\u0000<script>\u0000alert(1)',
      '\u202e<script>',
    ]
    expect(texts.flatMap(harmIn)).toEqual([])
  })
})

describe('an image', () => {
  test('is not loaded: it is a link with its words', () => {
    const elements = elementsIn(treeOf('![A map](https://example.org/a.png "t")'))
    const link = elements.find(({ tag }) => tag === 'a')
    expect(link).toEqual({ tag: 'a', href: 'https://example.org/a.png', image: true, children: ['A map'] })
    expect(wordsIn(treeOf('![](https://example.org/a.png)'))).toBe('https://example.org/a.png')
  })

  test('within a link is its words', () => {
    const links = elementsIn(treeOf('[![A map](a.png)](https://example.org)')).filter(
      ({ tag }) => tag === 'a',
    )
    expect(links).toEqual([{ tag: 'a', href: 'https://example.org', children: ['A map'] }])
  })
})

describe('Markdown', () => {
  test('is read as people expect', () => {
    const text =
      '# One\n\nA *b* **c** ~~d~~ `e`\nf  \ng\n\n> q\n\n3. x\n\n---\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n```js\nk\n```'
    const tags = elementsIn(treeOf(text)).map(({ tag }) => tag)
    const all =
      'h1 p em strong s code br blockquote p ol li p hr table thead tr th th tbody tr td td pre code'
    expect(tags.join(' ')).toBe(all.replace('li p hr', 'li hr'))
    expect(elementsIn(treeOf(text)).find(({ tag }) => tag === 'ol')?.start).toBe(3)
    expect(elementsIn(treeOf(text)).filter(({ align }) => align === 'right').length).toBe(2)
  })

  test('makes links of what says that it is one, and of no file name', () => {
    const links = elementsIn(treeOf('https://example.org README.md www.example.org a@example.org'))
    expect(links.flatMap(({ href }) => href ?? [])).toEqual(['https://example.org'])
  })

  test('has tasks', () => {
    const boxes = elementsIn(treeOf('- [x] done\n- [ ] open\n- [y] none\n\n[ ] none')).filter(
      ({ tag }) => tag === 'input',
    )
    expect(boxes.map(({ checked }) => checked)).toEqual([true, false])
    expect(wordsIn(treeOf('- [x] done'))).toBe('done')
  })

  test('each block knows its first line', () => {
    const blocks = blocksOf('# a\n\nb\nc\n\n- d\n- e\n\n---\n```\nf\n```\n\n    g\n')
    expect(blocks.map(({ line }) => line)).toEqual([0, 2, 5, 8, 9, 13])
  })

  test('reads a paragraph of as many lines as a text may have', () => {
    expect(blocksOf('word\n'.repeat(200_000))).toHaveLength(1)
  })

  test('nests only so deep', () => {
    const depth = (nodes: readonly Node[]): number =>
      Math.max(0, ...nodes.map((node) => (typeof node === 'string' ? 0 : 1 + depth(node.children))))
    for (const text of ['> '.repeat(10_000), '- '.repeat(10_000), '['.repeat(10_000), '*a '.repeat(10_000)]) {
      expect(depth(treeOf(`${text}x`))).toBeLessThan(250)
    }
  })
})
