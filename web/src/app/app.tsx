// Which page is drawn: by who is signed in, and by the address.
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { t } from '../i18n'
import { DocumentsPage } from '../pages/documents'
import { SignPage } from '../pages/sign'
import { Toast } from '../ui/toast'
import { HOME, route } from './router'
import { session } from './session'

type DocumentModule = typeof import('../pages/document')

/** The editor is most of the application's size: it comes when a document is opened. */
const documentModule = signal<DocumentModule | 'failed' | undefined>(undefined)

async function loadDocumentPage(): Promise<void> {
  try {
    documentModule.value = await import('../pages/document')
  } catch {
    documentModule.value = 'failed'
  }
}

export function App() {
  return (
    <>
      <Page />
      <Toast />
    </>
  )
}

function Page() {
  const who = session.value
  const where = route.value
  switch (who.state) {
    case 'unknown':
      return null
    case 'unreachable':
      return <Message text={t.unreachable} />
    case 'out': {
      const mode = where.page === 'sign' ? where.mode : 'in'
      return <SignPage mode={mode} signUpOpen={who.signUp} first={who.first} again={who.again} />
    }
    case 'in': {
      const { me, connection } = who
      if (where.page === 'document') return <LazyDocument id={where.id} me={me} connection={connection} />
      if (where.page === 'nothing') return <Message text={t.notFound} home />
      return <DocumentsPage key={where.page} trash={where.page === 'trash'} me={me} connection={connection} />
    }
  }
}

function LazyDocument(props: Parameters<DocumentModule['DocumentPage']>[0]) {
  useEffect(() => void loadDocumentPage(), [])
  const loaded = documentModule.value
  if (loaded === undefined) return null
  if (loaded === 'failed') return <Message text={t.pageFailed} reload />
  return <loaded.DocumentPage key={props.id} {...props} />
}

function Message({ text, home, reload }: { text: string; home?: boolean; reload?: boolean }) {
  return (
    <main class="empty">
      <h1>{text}</h1>
      {home && <a href={HOME}>{t.home}</a>}
      {reload && <button onClick={() => location.reload()}>{t.reload}</button>}
    </main>
  )
}
