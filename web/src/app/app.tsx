// Which page is drawn: by who is signed in, and by the address.
import { t } from '../i18n'
import { DocumentsPage } from '../pages/documents'
import { SignPage } from '../pages/sign'
import { lazy } from '../ui/lazy'
import { Toast } from '../ui/toast'
import { HOME, route } from './router'
import { session } from './session'

/** The editor is most of the application's size: it comes when a document is opened. */
const DocumentPage = lazy(async () => (await import('../pages/document')).DocumentPage)

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
      if (where.page === 'document')
        return <DocumentPage key={where.id} id={where.id} me={me} connection={connection} />
      if (where.page === 'nothing') return <Message text={t.notFound} home />
      return <DocumentsPage key={where.page} trash={where.page === 'trash'} me={me} connection={connection} />
    }
  }
}

function Message({ text, home }: { text: string; home?: boolean }) {
  return (
    <main class="empty">
      <h1>{text}</h1>
      {home && <a href={HOME}>{t.home}</a>}
    </main>
  )
}
