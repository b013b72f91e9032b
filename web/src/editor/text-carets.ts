// Other people's carets and selections over a text. They are drawn beside it: nothing of them is among the text's elements.
import { EditorSelection, StateEffect, type Extension } from '@codemirror/state'
import { layer, RectangleMarker, ViewPlugin, type EditorView, type ViewUpdate } from '@codemirror/view'
import * as Y from 'yjs'
import { tintOf } from '../ui/tint'
import { carried, nameElement, placeOf, type Caret, type Carets, type Somebody } from './others'

/** Comes after the extension that keeps `shared` and the editor's text the same: places are looked up in `shared`. */
export function textCarets(carets: Carets, shared: Y.Text): Extension {
  const plugin = ViewPlugin.define((view) => new TextCarets(view, carets, shared))
  const placed = (view: EditorView): readonly Placed[] => view.plugin(plugin)?.placed ?? []
  return [
    plugin,
    layer({
      above: true,
      class: 'carets',
      update: isOld,
      markers: (view) => placed(view).flatMap(caretOn(view)),
    }),
    layer({ above: false, update: isOld, markers: (view) => placed(view).flatMap(selectionOn(view)) }),
  ]
}

/** Somebody's caret, in places of the editor's text. */
interface Placed {
  somebody: Somebody
  anchor: number
  head: number
}

const moved = StateEffect.define<null>()

/** What is drawn is of an earlier text, or of earlier places. */
const isOld = (update: ViewUpdate): boolean => update.docChanged || othersMoved(update)

const othersMoved = ({ transactions }: ViewUpdate): boolean =>
  transactions.some(({ effects }) => effects.some((effect) => effect.is(moved)))

class TextCarets {
  placed: readonly Placed[] = []
  readonly #view: EditorView
  readonly #carets: Carets
  readonly #shared: Y.Text
  readonly #stop: () => void
  #frame = 0

  constructor(view: EditorView, carets: Carets, shared: Y.Text) {
    this.#view = view
    this.#carets = carets
    this.#shared = shared
    this.#stop = carets.subscribe(this.#redraw)
    this.#redraw()
  }

  update(update: ViewUpdate): void {
    if (update.docChanged) {
      const now = (place: number): number => update.changes.mapPos(place, 1)
      this.placed = this.placed.map((old) => ({ ...old, anchor: now(old.anchor), head: now(old.head) }))
    }
    // A caret may be told of before the words that it stands behind: then it is placed with a later change.
    if (update.docChanged || othersMoved(update)) this.#place()
    if (update.docChanged || update.selectionSet || update.focusChanged) this.#carets.moved(() => this.#own())
  }

  destroy(): void {
    this.#stop()
    cancelAnimationFrame(this.#frame)
    this.#carets.moved(() => undefined)
  }

  readonly #redraw = (): void => {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0
      this.#view.dispatch({ effects: moved.of(null) })
    })
  }

  /** Finding a place walks through the whole text: only for what is new. */
  #place(): void {
    const known = new Map(this.placed.map((old) => [old.somebody.caret, old]))
    this.placed = carried(this.#carets.others).flatMap(({ somebody, caret }) => {
      const old = known.get(caret)
      if (old) return [{ ...old, somebody }]
      const [anchor, head] = [this.#find(caret.anchor), this.#find(caret.head)]
      return anchor === undefined || head === undefined ? [] : [{ somebody, anchor, head }]
    })
  }

  #find(position: unknown): number | undefined {
    return placeOf(position, (relative) => {
      const found = Y.createAbsolutePositionFromRelativePosition(relative, this.#shared.doc!)
      return found?.type === this.#shared ? Math.min(found.index, this.#view.state.doc.length) : undefined
    })
  }

  #own(): Caret | undefined {
    if (!this.#view.hasFocus) return undefined
    const { anchor, head } = this.#view.state.selection.main
    const relative = (place: number): unknown =>
      Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(this.#shared, place))
    return { anchor: relative(anchor), head: relative(head) }
  }
}

const caretOn =
  (view: EditorView) =>
  ({ somebody, head }: Placed): CaretMarker[] =>
    RectangleMarker.forRange(view, '', EditorSelection.cursor(head)).map(
      (place) => new CaretMarker(place, somebody),
    )

const selectionOn =
  (view: EditorView) =>
  ({ somebody, anchor, head }: Placed): readonly RectangleMarker[] => {
    const tint = tintOf(somebody.person.id)
    if (anchor === head) return []
    return RectangleMarker.forRange(view, `others-selection ${tint}`, EditorSelection.range(anchor, head))
  }

class CaretMarker extends RectangleMarker {
  readonly #somebody: Somebody

  constructor({ left, top, height }: RectangleMarker, somebody: Somebody) {
    super(`caret ${tintOf(somebody.person.id)}`, left, top, null, height)
    this.#somebody = somebody
  }

  override draw(): HTMLDivElement {
    const caret = super.draw()
    caret.append(nameElement(this.#somebody.person.name))
    return caret
  }

  /** Drawn anew only when its person moved it: then the name shows again. */
  override update(element: HTMLElement, before: RectangleMarker): boolean {
    const same = before instanceof CaretMarker && before.#somebody.caret === this.#somebody.caret
    return same && super.update(element, before)
  }
}
