// Long documents: blocks out of sight are not laid out (`content-visibility`, in the style sheet). A browser sets no
// caret in a block that it has not laid out, as a new one is: so the blocks that hold the selection are excepted.
import { Extension } from '@tiptap/core'
import { Plugin, Selection, TextSelection, type EditorState } from '@tiptap/pm/state'
import { Decoration, DecorationSet } from '@tiptap/pm/view'

/** Below this, laying out everything costs nothing that anybody would notice. */
const LONG_BLOCKS = 1_000

export const rendered = Extension.create({
  name: 'rendered',
  addProseMirrorPlugins: () => [
    new Plugin({
      props: {
        attributes: (state): Record<string, string> => (isLong(state) ? { class: 'long' } : {}),
        decorations: (state) => (isLong(state) ? marked(state) : null),
      },
    }),
  ],
  // The browser's own way to the end stops where nothing is laid out.
  addKeyboardShortcuts() {
    const toEnd = (extend: boolean) => (): boolean => {
      const { state, view } = this.editor
      if (!isLong(state)) return false
      const end = Selection.atEnd(state.doc)
      const selection = extend ? TextSelection.between(state.selection.$anchor, end.$head) : end
      view.dispatch(state.tr.setSelection(selection).scrollIntoView())
      return true
    }
    return {
      'Mod-End': toEnd(false),
      'Shift-Mod-End': toEnd(true),
      'Cmd-ArrowDown': toEnd(false),
      'Shift-Cmd-ArrowDown': toEnd(true),
    }
  },
})

function isLong({ doc }: EditorState): boolean {
  return doc.childCount > LONG_BLOCKS
}

function marked({ doc, selection: { $anchor, $head } }: EditorState): DecorationSet {
  const blocks = new Set([$anchor, $head].filter(({ depth }) => depth > 0).map(($end) => $end.before(1)))
  const decorations = [...blocks].map((at) =>
    Decoration.node(at, at + doc.nodeAt(at)!.nodeSize, { class: 'rendered' }),
  )
  return DecorationSet.create(doc, decorations)
}
