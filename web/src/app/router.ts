// Addresses and pages: the address is a signal, and links inside the application do not load it anew.
import { signal } from '@preact/signals'

export type Route =
  | { page: 'documents' }
  | { page: 'trash' }
  | { page: 'document'; id: string }
  | { page: 'sign'; mode: 'in' | 'up' }
  | { page: 'nothing' }

export function routeOf(path: string): Route {
  const document = /^\/d\/([a-z2-7]{26})$/.exec(path)
  if (document) return { page: 'document', id: document[1]! }
  if (path === '/') return { page: 'documents' }
  if (path === '/trash') return { page: 'trash' }
  if (path === '/signin') return { page: 'sign', mode: 'in' }
  if (path === '/signup') return { page: 'sign', mode: 'up' }
  return { page: 'nothing' }
}

export const route = signal<Route>({ page: 'nothing' })

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
  route.value = routeOf(location.pathname)
}

/** A plain click on a link to one of our pages. Everything else is the browser's. */
function followLink(event: MouseEvent): void {
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (!link || event.defaultPrevented || event.button !== 0) return
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  if (link.origin !== location.origin || link.target || link.closest('.ProseMirror')) return
  event.preventDefault()
  navigate(link.pathname)
}
