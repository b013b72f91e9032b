// Scrolls the preview along when the editor is scrolled, to the same place in the text. The other way nothing moves.
import type { EditorView } from '@codemirror/view'

/** `lines` are the first lines of the blocks in `article`, which scrolls in its parent. Returns what ends it. */
export function scrollAlong(
  view: EditorView,
  article: HTMLElement,
  lines: () => readonly number[],
): () => void {
  let frame = 0
  const follow = (): void => {
    frame = 0
    article.parentElement!.scrollTop += distance(article, [...lines(), view.state.doc.lines], topLine(view))
  }
  const soon = (): void => void (frame ||= requestAnimationFrame(follow))
  view.scrollDOM.addEventListener('scroll', soon)
  return () => {
    view.scrollDOM.removeEventListener('scroll', soon)
    cancelAnimationFrame(frame)
  }
}

/** The line at the upper edge of the editor, and how much of it is above: 3.5 is the middle of the fourth line. */
function topLine(view: EditorView): number {
  const height = Math.max(view.scrollDOM.scrollTop - view.documentPadding.top, 0)
  const block = view.lineBlockAtHeight(height)
  return view.state.doc.lineAt(block.from).number - 1 + (height - block.top) / block.height
}

/** How far below its upper edge the article shows `line`, in pixels. `lines` ends with the number of all lines. */
function distance(article: HTMLElement, lines: readonly number[], line: number): number {
  const at = Math.max(
    lines.slice(0, -1).findLastIndex((first) => first <= line),
    0,
  )
  const block = article.children[at]
  if (!block || lines.length < 2) return 0
  const [first, next] = [lines[at]!, lines[at + 1]!]
  const { top, bottom } = block.getBoundingClientRect()
  const end = article.children[at + 1]?.getBoundingClientRect().top ?? bottom
  const share = Math.min(Math.max((line - first) / (next - first), 0), 1)
  const edge = article.parentElement!.getBoundingClientRect().top
  return top + share * (end - top) - edge - parseFloat(getComputedStyle(article).paddingTop)
}
