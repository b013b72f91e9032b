// What rich text consists of. It never narrows: an editor deletes from everybody's document what it does not know.
import type { Extensions } from '@tiptap/core'
import { StarterKit } from '@tiptap/starter-kit'

/**
 * Only what a person does changes a document. So nothing here mends or links by itself: with several people
 * in a document, each of their editors would do the same thing once.
 */
export const schema: Extensions = [
  StarterKit.configure({
    undoRedo: false,
    trailingNode: false,
    link: { autolink: false, openOnClick: false, defaultProtocol: 'https' },
    dropcursor: { class: 'drop-caret', color: false, width: 2 },
  }),
]
