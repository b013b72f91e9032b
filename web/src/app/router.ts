// Addresses and pages: the address is a signal, and links inside the application do not load it anew.
// Our pages live below the document's base (`/` or `/app/`); links and paths are relative to it.
import { signal } from '@preact/signals'

export type Route =
  | { page: 'documents' }
  | { page: 'trash' }
  | { page: 'document'; id: string }
  | { page: 'sign'; mode: 'in' | 'up' }
  | { page: 'nothing' }

/** The address of the list of documents. */
export const HOME = './'

/** The page at an address below `base`; both are whole, without query and fragment. */
export function routeOf(address: string, base: string): Route {
  const path = address.startsWith(base) ? address.slice(base.length) : undefined
  const document = /^d\/([a-z2-7]{26})$/.exec(path ?? '')
  if (document) return { page: 'document', id: document[1]! }
  if (path === '') return { page: 'documents' }
  if (path === 'trash') return { page: 'trash' }
  if (path === 'signin') return { page: 'sign', mode: 'in' }
  if (path === 'signup') return { page: 'sign', mode: 'up' }
  return { page: 'nothing' }
}

export const route = signal<Route>({ page: 'nothing' })

/** Shows the page at a path relative to the base. */
export function navigate(path: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', path)
  else history.pushState(null, '', path)
  show()
  scrollTo(0, 0)
}

export function startRouter(): void {
  addEventListener('popstate', show)
  addEventListener('click', followLink)
  show()
}

function show(): void {
  route.value = routeOf(location.origin + location.pathname, document.baseURI)
}

/** A plain click on a link to one of our pages. Everything else is the browser's. */
function followLink(event: MouseEvent): void {
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (!link || event.defaultPrevented || event.button !== 0) return
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  if (!link.href.startsWith(document.baseURI) || link.target || link.closest('.ProseMirror')) return
  event.preventDefault()
  navigate(link.pathname)
}
