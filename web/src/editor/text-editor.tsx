// The editor of text documents on a Y.Doc: the text, its preview, or both. It knows neither the server nor how its document
// is kept.
import { openSearchPanel } from '@codemirror/search'
import { useEffect, useRef, useState } from 'preact/hooks'
import type * as Y from 'yjs'
import { t } from '../i18n'
import { Icon, type IconName } from '../ui/icons'
import { Tool, ToolBar } from '../ui/tools'
import type { Carets } from './others'
import { Preview } from './preview'
import { textView, type TextView } from './text-view'

/** The shared type that holds a text document. */
const FIELD = 'text'

interface TextEditorProps {
  doc: Y.Doc
  carets: Carets
  editable: boolean
  label: string
}

export function TextEditor({ doc, carets, editable, label }: TextEditorProps) {
  const place = useRef<HTMLDivElement>(null)
  const [text, setText] = useState<TextView>()
  const [layout, setLayout] = useLayout()
  const shared = doc.getText(FIELD)

  useEffect(() => {
    const made = textView({ parent: place.current!, shared, carets, label })
    setText(made)
    return () => made.destroy()
  }, [shared, carets, label])

  useEffect(() => text?.setEditable(editable), [text, editable])

  return (
    <div class="text" data-layout={layout} data-testid="text">
      <ToolBar label={t.text.toolbar}>
        {text && editable && <UndoTools text={text} />}
        <Tool
          icon="search"
          label={t.text.search}
          keys="F"
          testId="search"
          disabled={layout === 'preview'}
          onClick={() => text && openSearchPanel(text.view)}
        />
        <div class="tools" role="group" aria-label={t.text.layout}>
          {LAYOUTS.map(({ name, icon }) => (
            <button
              key={name}
              class="quiet"
              type="button"
              name={name}
              aria-pressed={layout === name}
              data-testid={`layout-${name}`}
              onClick={() => setLayout(name)}
            >
              <Icon name={icon} /> {t.text[name]}
            </button>
          ))}
        </div>
      </ToolBar>
      <div class="panes">
        <div class="source" ref={place} hidden={layout === 'preview'} />
        {layout !== 'write' && <Preview shared={shared} view={layout === 'both' ? text?.view : undefined} />}
      </div>
    </div>
  )
}

function UndoTools({ text: { undo } }: { text: TextView }) {
  const [can, setCan] = useState({ undo: false, redo: false })
  useEffect(() => {
    const look = (): void => setCan({ undo: undo.canUndo(), redo: undo.canRedo() })
    const events = ['stack-item-added', 'stack-item-popped', 'stack-cleared'] as const
    for (const event of events) undo.on(event, look)
    look()
    return () => events.forEach((event) => undo.off(event, look))
  }, [undo])
  return (
    <div class="tools">
      <Tool
        icon="undo"
        label={t.format.undo}
        keys="Z"
        testId="format-undo"
        disabled={!can.undo}
        onClick={() => undo.undo()}
      />
      <Tool
        icon="redo"
        label={t.format.redo}
        keys="Shift+Z"
        testId="format-redo"
        disabled={!can.redo}
        onClick={() => undo.redo()}
      />
    </div>
  )
}

type Layout = 'write' | 'both' | 'preview'

const LAYOUTS: readonly { name: Layout; icon: IconName }[] = [
  { name: 'write', icon: 'rename' },
  { name: 'both', icon: 'both' },
  { name: 'preview', icon: 'eye' },
]

const REMEMBERED = 'text-layout'
/** Room for both beside each other. The style sheet offers them under the same condition. */
const wide = matchMedia('(min-width: 52rem)')

/** What is shown: as the person chose it last, if there is room. */
function useLayout(): [Layout, (layout: Layout) => void] {
  const [chosen, setChosen] = useState(remembered)
  const [isWide, setWide] = useState(wide.matches)
  useEffect(() => {
    const look = (): void => setWide(wide.matches)
    wide.addEventListener('change', look)
    return () => wide.removeEventListener('change', look)
  }, [])
  const choose = (layout: Layout): void => {
    setChosen(layout)
    remember(layout)
  }
  return [chosen === 'both' && !isWide ? 'write' : chosen, choose]
}

/** A browser may forbid pages to remember anything. */
function remembered(): Layout {
  try {
    const name = localStorage.getItem(REMEMBERED)
    return LAYOUTS.find((layout) => layout.name === name)?.name ?? 'both'
  } catch {
    return 'both'
  }
}

function remember(layout: Layout): void {
  try {
    localStorage.setItem(REMEMBERED, layout)
  } catch {
    // Then it is asked for again.
  }
}
