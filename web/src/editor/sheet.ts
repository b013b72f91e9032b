// Gives CodeMirror's own style rules to the page as an adopted sheet: it would write a style element, which the CSP forbids.
// They lie in a layer below all of ours, so that ui/style.css has the last word.
import { StyleModule } from 'style-mod'

let adopted: CSSStyleSheet | undefined
let known: StyleModule[] = []

/** To be called before the first view is made. */
export function adoptStyles(): void {
  if (adopted) return
  const sheet = (adopted = new CSSStyleSheet())
  document.adoptedStyleSheets.push(sheet)
  StyleModule.mount = (_root, modules) => {
    const wanted = [modules].flat()
    if (wanted.every((module) => known.includes(module))) return
    // Later ones win over earlier ones.
    known = [...known.filter((module) => !wanted.includes(module)), ...wanted]
    sheet.replaceSync(`@layer codemirror { ${known.map((module) => module.getRules()).join('\n')} }`)
  }
}
