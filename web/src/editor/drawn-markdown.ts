// Draws the nodes of a Markdown text with the page's own elements. No text is ever read as HTML.
import type { Element, Node } from './markdown'
import type { Change } from './markdown-worker'

/** Replaces a stretch of the blocks that are drawn in `place`. */
export function draw(place: HTMLElement, { from, removed, blocks }: Change): void {
  const range = new Range()
  range.setStart(place, from)
  range.setEnd(place, from + removed)
  range.deleteContents()
  const drawn = document.createDocumentFragment()
  drawn.append(...blocks.map((block) => drawnNode(JSON.parse(block) as Node)))
  range.insertNode(drawn)
}

function drawnNode(node: Node): string | HTMLElement {
  if (typeof node === 'string') return node
  const element = document.createElement(node.tag)
  for (const child of node.children) element.append(drawnNode(child))
  if (element instanceof HTMLAnchorElement) drawLink(element, node)
  if (element instanceof HTMLOListElement && node.start !== undefined) element.start = node.start
  if (element instanceof HTMLInputElement) {
    element.type = 'checkbox'
    element.disabled = true
    element.checked = node.checked === true
  }
  if (node.align) element.style.textAlign = node.align
  return element
}

function drawLink(link: HTMLAnchorElement, { href, image }: Element): void {
  if (href === undefined) return
  link.setAttribute('href', href)
  link.target = '_blank'
  link.rel = 'noopener noreferrer'
  if (image) link.className = 'image'
}

/** On a click: a link to a heading of the same text. Headings bear no ids: a document must not name parts of our page. */
export function followFragment(event: MouseEvent): void {
  const link = event.target instanceof HTMLElement ? event.target.closest('a') : null
  const href = link?.getAttribute('href')
  if (!href?.startsWith('#')) return
  event.preventDefault()
  const wanted = href.slice(1).toLowerCase()
  const headings = (event.currentTarget as HTMLElement).querySelectorAll('h1, h2, h3, h4, h5, h6')
  const heading = [...headings].find(({ textContent }) => fragmentOf(textContent) === wanted)
  heading?.scrollIntoView({ block: 'start' })
}

/** As it is usual: lower case, hyphens for spaces, no punctuation. */
function fragmentOf(heading: string): string {
  const words = heading.trim().toLowerCase()
  return encodeURI(words.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-')).toLowerCase()
}
