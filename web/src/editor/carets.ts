// Other people's carets and selections, as decorations. Positions travel relative to the text, so they move with it.
import { Extension } from '@tiptap/core'
import { Plugin, PluginKey, type EditorState } from '@tiptap/pm/state'
import { Decoration, DecorationSet, type EditorView } from '@tiptap/pm/view'
import {
  absolutePositionToRelativePosition,
  relativePositionToAbsolutePosition,
  ySyncPluginKey,
} from '@tiptap/y-tiptap'
import * as Y from 'yjs'
import { tintOf } from '../ui/tint'
import { carried, nameElement, placeOf, type Caret, type Carets, type Somebody } from './others'

const key = new PluginKey<DecorationSet>('carets')

export const caretsOf = (carets: Carets): Extension =>
  Extension.create({
    name: 'carets',
    addProseMirrorPlugins: () => [caretsPlugin(carets)],
  })

function caretsPlugin(carets: Carets): Plugin<DecorationSet> {
  return new Plugin({
    key,
    state: {
      init: () => DecorationSet.empty,
      apply(transaction, old, _before, state) {
        // A remote change replaces the whole content: positions are found again, not mapped.
        const remote = ySyncPluginKey.getState(state)?.isChangeOrigin === true
        if (remote || transaction.getMeta(key)) return drawn(carets.others, state)
        return old.map(transaction.mapping, transaction.doc)
      },
    },
    props: {
      decorations: (state) => key.getState(state),
    },
    view(view) {
      let frame = 0
      const redraw = (): void => {
        frame ||= requestAnimationFrame(() => {
          frame = 0
          if (!view.isDestroyed) view.dispatch(view.state.tr.setMeta(key, true))
        })
      }
      const tell = (): void => carets.moved(() => (view.isDestroyed ? undefined : ownCaret(view)))
      const stop = carets.subscribe(redraw)
      view.dom.addEventListener('focus', tell)
      view.dom.addEventListener('blur', tell)
      redraw()
      return {
        update(_view, before) {
          if (!before.selection.eq(view.state.selection) || !before.doc.eq(view.state.doc)) tell()
        },
        destroy() {
          stop()
          cancelAnimationFrame(frame)
          view.dom.removeEventListener('focus', tell)
          view.dom.removeEventListener('blur', tell)
        },
      }
    },
  })
}

function ownCaret(view: EditorView): Caret | undefined {
  const sync = ySyncPluginKey.getState(view.state)
  if (!sync || !view.hasFocus()) return undefined
  const { anchor, head } = view.state.selection
  const relative = (position: number): unknown =>
    Y.relativePositionToJSON(absolutePositionToRelativePosition(position, sync.type, sync.binding.mapping))
  return { anchor: relative(anchor), head: relative(head) }
}

function drawn(others: readonly Somebody[], state: EditorState): DecorationSet {
  const sync = ySyncPluginKey.getState(state)
  if (!sync) return DecorationSet.empty
  const absolute = (position: unknown): number | undefined =>
    placeOf(position, (relative) =>
      relativePositionToAbsolutePosition(sync.doc, sync.type, relative, sync.binding.mapping),
    )
  const decorations: Decoration[] = []
  for (const { somebody, caret } of carried(others)) {
    const [anchor, head] = [absolute(caret.anchor), absolute(caret.head)]
    if (anchor === undefined || head === undefined) continue
    decorations.push(...decorationsFor(somebody, anchor, head, state.doc.content.size))
  }
  return DecorationSet.create(state.doc, decorations)
}

function decorationsFor(somebody: Somebody, anchor: number, head: number, size: number): Decoration[] {
  const tint = tintOf(somebody.person.id)
  const at = Math.min(head, size)
  const from = Math.min(anchor, at)
  const to = Math.min(Math.max(anchor, at), size)
  const caret = Decoration.widget(at, () => caretElement(somebody.person.name, tint), {
    key: `${somebody.connection}:${somebody.person.name}`,
    side: 10,
    ignoreSelection: true,
  })
  return from === to ? [caret] : [caret, Decoration.inline(from, to, { class: `others-selection ${tint}` })]
}

/** A caret takes no room. */
function caretElement(name: string, tint: string): HTMLElement {
  const caret = document.createElement('span')
  caret.className = `caret ${tint}`
  caret.setAttribute('aria-hidden', 'true')
  // Word joiners keep the line from breaking at the caret.
  caret.append('\u2060', nameElement(name), '\u2060')
  return caret
}
