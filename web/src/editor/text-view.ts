// CodeMirror on a Y.Text: what it can do and what it calls things. The look is in ui/style.css, the sharing of the text in
// y-codemirror.next; the carets are ours.
import { defaultKeymap } from '@codemirror/commands'
import { markdownKeymap } from '@codemirror/lang-markdown'
import { syntaxHighlighting } from '@codemirror/language'
import { closeSearchPanel, search, searchKeymap } from '@codemirror/search'
import { Compartment, EditorState, Prec, type Extension } from '@codemirror/state'
import { dropCursor, EditorView, highlightSpecialChars, keymap, placeholder } from '@codemirror/view'
import { tagHighlighter, tags } from '@lezer/highlight'
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next'
import * as Y from 'yjs'
import { t } from '../i18n'
import type { Carets } from './others'
import { markdown } from './markdown-language'
import { adoptStyles } from './sheet'
import { textCarets } from './text-carets'

export interface TextView {
  view: EditorView
  undo: Y.UndoManager
  setEditable(editable: boolean): void
  destroy(): void
}

interface TextViewOptions {
  parent: HTMLElement
  shared: Y.Text
  carets: Carets
  /** What the text field is called for those who cannot see it. */
  label: string
}

export function textView({ parent, shared, carets, label }: TextViewOptions): TextView {
  adoptStyles()
  const stopStandingIn = standIn(shared)
  const undo = new Y.UndoManager(shared)
  const writing = new Compartment()
  const view = new EditorView({
    parent,
    doc: textOf(shared),
    extensions: [
      yCollab(shared, null, { undoManager: undo }),
      textCarets(carets, shared),
      writing.of(readable),
      keymap.of([...searchKeymap, ...defaultKeymap]),
      search({ top: true }),
      markdown,
      syntaxHighlighting(looks),
      EditorView.lineWrapping,
      ...exactText,
      dropCursor(),
      EditorState.phrases.of(t.text.phrases),
      EditorView.contentAttributes.of({
        'aria-label': label,
        'data-testid': 'content',
        spellcheck: 'true',
        autocorrect: 'on',
        autocapitalize: 'sentences',
      }),
    ],
  })
  return {
    view,
    undo,
    setEditable(editable) {
      // Its form depends on whether there is something to replace.
      closeSearchPanel(view)
      view.dispatch({ effects: writing.reconfigure(editable ? writable() : readable) })
    },
    destroy() {
      view.destroy()
      undo.destroy()
      stopStandingIn()
    },
  }
}

/** Keys that write are bound only here: not all of their commands ask whether they may. */
const writable = (): Extension => [
  Prec.high(keymap.of(markdownKeymap)),
  keymap.of(yUndoManagerKeymap),
  placeholder(t.text.placeholder),
]

/** Still reached by keyboard, for reading and searching. */
const readable: Extension = [
  EditorState.readOnly.of(true),
  EditorView.editable.of(false),
  EditorView.contentAttributes.of({ tabindex: '0', 'aria-readonly': 'true' }),
]

/**
 * Places are counted alike here and in the shared text, so a line ends with a line feed and nothing else.
 * What programs wrote with carriage returns keeps them, unseen; what people paste has none.
 */
const exactText: readonly Extension[] = [
  EditorState.lineSeparator.of('\n'),
  EditorView.clipboardInputFilter.of((text) => text.replace(/\r\n?/g, '\n')),
  highlightSpecialChars({
    render(code, description, sign) {
      const shown = document.createElement('span')
      if (code === CARRIAGE_RETURN) return shown
      shown.textContent = sign
      shown.title = description ?? ''
      shown.className = 'cm-specialChar'
      return shown
    },
  }),
]

const CARRIAGE_RETURN = 0x0d

/** Stands for what is no text: somebody's program may put anything into a shared text, one place long. */
const STAND_IN = '\ufffc'

type Piece = { insert?: unknown }

function textOf(shared: Y.Text): string {
  const pieces = shared.toDelta() as Piece[]
  return pieces.map(({ insert }) => (typeof insert === 'string' ? insert : STAND_IN)).join('')
}

/** From here on nobody who observes `shared` is told of anything but text. Returns what ends that. */
function standIn(shared: Y.Text): () => void {
  shared.observe(replaceNoText)
  return () => shared.unobserve(replaceNoText)
}

function replaceNoText({ delta }: Y.YTextEvent): void {
  for (const piece of delta as Piece[]) {
    if (piece.insert !== undefined && typeof piece.insert !== 'string') piece.insert = STAND_IN
  }
}

const looks = tagHighlighter([
  { tag: tags.heading1, class: 'tok-heading tok-heading1' },
  { tag: tags.heading2, class: 'tok-heading tok-heading2' },
  { tag: tags.heading, class: 'tok-heading' },
  { tag: tags.strong, class: 'tok-strong' },
  { tag: tags.emphasis, class: 'tok-emphasis' },
  { tag: tags.strikethrough, class: 'tok-strike' },
  { tag: tags.monospace, class: 'tok-code' },
  { tag: tags.quote, class: 'tok-quote' },
  { tag: [tags.link, tags.url], class: 'tok-link' },
  { tag: [tags.processingInstruction, tags.contentSeparator, tags.labelName, tags.meta], class: 'tok-mark' },
  { tag: [tags.comment, tags.content], class: '' },
])
