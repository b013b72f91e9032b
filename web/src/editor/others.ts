// What an editor knows of the others in a document, and what a caret of theirs looks like. Knows no kind of editor.
import * as Y from 'yjs'

/** What the editor needs to know of the others in a document, and tells them. */
export interface Carets {
  readonly others: readonly Somebody[]
  subscribe(listener: () => void): () => void
  /** Our caret moved; `read` is called when it is time to tell where it is. */
  moved(read: () => unknown): void
}

export interface Somebody {
  connection: number
  person: { id: string; name: string }
  caret: unknown
}

/** Both ends of a selection, as the JSON of Yjs's relative positions: they move with the text. */
export interface Caret {
  anchor: unknown
  head: unknown
}

/** More carets than this help nobody, and each costs at every change. */
const MOST_CARETS = 30

/** Those whose carets are drawn. */
export function carried(others: readonly Somebody[]): { somebody: Somebody; caret: Caret }[] {
  return others.slice(-MOST_CARETS).flatMap((somebody) => {
    const caret = somebody.caret as Partial<Caret> | null | undefined
    return caret?.anchor && caret.head ? [{ somebody, caret: caret as Caret }] : []
  })
}

/** Finds a place that somebody else named. Whatever they sent, the worst is that it is nowhere: `undefined`. */
export function placeOf(
  position: unknown,
  find: (position: Y.RelativePosition) => number | null | undefined,
): number | undefined {
  try {
    return find(Y.createRelativePositionFromJSON(position)) ?? undefined
  } catch {
    return undefined
  }
}

/** The name that hangs above a caret and shows for a while after each move. */
export function nameElement(name: string): HTMLElement {
  const label = document.createElement('span')
  label.className = 'caret-name'
  label.textContent = name
  return label
}
