// The rich text editor on a Y.Doc. It knows neither the server nor how its document is kept.
import { Editor as Tiptap } from '@tiptap/core'
import { Collaboration } from '@tiptap/extension-collaboration'
import { useEffect, useRef, useState } from 'preact/hooks'
import type * as Y from 'yjs'
import { caretsOf } from './carets'
import type { Carets } from './others'
import { schema } from './schema'
import { Toolbar } from './toolbar'

/** The shared type that holds a rich document. */
const FIELD = 'content'

interface EditorProps {
  doc: Y.Doc
  carets: Carets
  editable: boolean
  /** What the text field is called for those who cannot see it. */
  label: string
  /** Shown where nothing is written yet. */
  placeholder: string
}

export function Editor({ doc, carets, editable, label, placeholder }: EditorProps) {
  const place = useRef<HTMLDivElement>(null)
  const [tiptap, setTiptap] = useState<Tiptap>()

  useEffect(() => {
    const made = new Tiptap({
      element: place.current,
      extensions: [...schema, Collaboration.configure({ document: doc, field: FIELD }), caretsOf(carets)],
      editable: false,
      injectCSS: false,
      editorProps: {
        attributes: {
          role: 'textbox',
          'aria-multiline': 'true',
          'aria-label': label,
          'data-testid': 'content',
        },
        handleClick: (_view, _position, event) => openLink(event),
      },
    })
    setTiptap(made)
    return () => made.destroy()
  }, [doc, carets, label])

  useEffect(() => {
    tiptap?.setEditable(editable, false)
    tiptap?.view.dom.setAttribute('aria-readonly', String(!editable))
  }, [tiptap, editable])

  return (
    <>
      {tiptap && editable && <Toolbar editor={tiptap} />}
      <div class="paper" ref={place} style={{ '--placeholder': JSON.stringify(placeholder) }} />
    </>
  )
}

/** A click with Ctrl or Cmd on a link opens it; without, it sets the caret. */
function openLink(event: MouseEvent): boolean {
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (!link || !(event.ctrlKey || event.metaKey)) return false
  open(link.href, '_blank', 'noopener,noreferrer')
  return true
}
