// A Markdown text as it reads, beside the editor. Never more work than the page can bear: a worker reads the text, and is
// given the next one when it has answered.
import { useEffect, useRef, useState } from 'preact/hooks'
import type * as Y from 'yjs'
import type { EditorView } from '@codemirror/view'
import { t } from '../i18n'
import { draw, followFragment } from './drawn-markdown'
import type { Change } from './markdown-worker'
import { scrollAlong } from './scroll-along'

/** A text that takes the worker longer than this was written to. */
const PATIENCE_MS = 20_000

/** Scrolls along with `view`, if there is one beside it. */
export function Preview({ shared, view }: { shared: Y.Text; view: EditorView | undefined }) {
  const place = useRef<HTMLElement>(null)
  const lines = useRef<readonly number[]>([])
  const [failed, setFailed] = useState(false)
  useEffect(
    () =>
      showLive(shared, place.current!, {
        shown: (shown) => void (lines.current = shown),
        failed: () => setFailed(true),
      }),
    [shared],
  )
  useEffect(() => view && scrollAlong(view, place.current!, () => lines.current), [view])
  return (
    // What scrolls must be reached by keyboard too.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <section class="preview" tabIndex={0} aria-label={t.text.preview} data-testid="preview">
      {failed && <p class="hint">{t.text.previewFailed}</p>}
      <article ref={place} />
    </section>
  )
}

interface LiveEvents {
  /** All is drawn; these are the first lines of the blocks. */
  shown(lines: readonly number[]): void
  failed(): void
}

/** Shows the text, and whatever becomes of it. Returns what ends that. */
function showLive(shared: Y.Text, place: HTMLElement, { shown, failed }: LiveEvents): () => void {
  const worker = new Worker(new URL('./markdown-worker.ts', import.meta.url), { type: 'module' })
  let isChanged = true
  let isAsked = false
  let frame = 0
  let patience: ReturnType<typeof setTimeout> | undefined

  const ask = (): void => {
    frame = 0
    if (!isChanged || isAsked) return
    isChanged = false
    isAsked = true
    patience = setTimeout(fail, PATIENCE_MS)
    worker.postMessage(shared.toString())
  }
  const soon = (): void => void (frame ||= requestAnimationFrame(ask))
  const onChange = (): void => {
    isChanged = true
    soon()
  }
  const stop = (): void => {
    worker.terminate()
    clearTimeout(patience)
    cancelAnimationFrame(frame)
    shared.unobserve(onChange)
    place.removeEventListener('click', followFragment)
  }
  const fail = (): void => {
    stop()
    place.replaceChildren()
    failed()
  }
  worker.addEventListener('error', fail)
  worker.addEventListener('message', ({ data }: MessageEvent<Change>) => {
    draw(place, data)
    if (!data.lines) return
    shown(data.lines)
    clearTimeout(patience)
    isAsked = false
    soon()
  })
  place.addEventListener('click', followFragment)
  shared.observe(onChange)
  soon()
  return stop
}
