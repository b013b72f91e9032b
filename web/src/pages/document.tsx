// The page of one document: title, people, what is said about saving, and the editor. Loaded only when needed.
import { useSignal } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import { restoreDocument } from '../api/documents'
import type { Me } from '../api/session'
import { HOME } from '../app/router'
import { kept as keptSoon } from '../app/session'
import type { Connection } from '../collab/connection'
import type { Aside, Kept } from '../collab/kept'
import { OpenDocument } from '../collab/open-document'
import type { Status } from '../collab/status'
import type { Kind } from '../collab/wire'
import { t } from '../i18n'
import { Icon } from '../ui/icons'
import { lazy } from '../ui/lazy'
import { notify } from '../ui/toast'
import { AsideDialog } from './aside-dialog'
import { People } from './people'
import { StatusLine, wordsFor } from './status-line'
import { Title } from './title'

/** Nobody loads the editor of the other kind. */
const RichEditor = lazy(async () => (await import('../editor/editor')).Editor)
const TextEditor = lazy(async () => (await import('../editor/text-editor')).TextEditor)

interface DocumentPageProps {
  id: string
  me: Me
  connection: Connection
}

export function DocumentPage({ id, me, connection }: DocumentPageProps) {
  const [opened, setOpened] = useState<{ open: OpenDocument; kept: Kept }>()
  useEffect(() => {
    let open: OpenDocument | undefined
    let left = false
    const begin = async (): Promise<void> => {
      const kept = await keptSoon
      if (left) return
      open = new OpenDocument({ socket: connection.socket, document: id, person: me, kept })
      setOpened({ open, kept })
    }
    void begin()
    return () => {
      left = true
      void open?.close()
    }
  }, [id, me, connection])
  return opened ? <Opened id={id} me={me} {...opened} /> : null
}

function Opened({ id, me, open, kept }: { id: string; me: Me; open: OpenDocument; kept: Kept }) {
  const { doc, provider } = open.pair.value
  const status = provider.status.value
  const facts = provider.document.value
  const editable = provider.editable.value
  const shown = provider.ready.value && status.kind !== 'refused'

  return (
    <div class="page document" data-kind={shown ? facts?.kind : undefined}>
      <header class="top">
        <a
          class="quiet icon-only"
          href={HOME}
          aria-label={t.document.back}
          title={t.document.back}
          data-testid="back"
        >
          <Icon name="back" />
        </a>
        <h1 class="hidden">{facts?.title ?? t.untitled}</h1>
        {facts && shown ? <Title id={id} title={facts.title} editable={editable} /> : <span class="title" />}
        <People presence={provider.presence} />
        <StatusLine status={status} />
      </header>
      <Asides open={open} kept={kept} person={me.id} kind={facts?.kind ?? 'rich'} />
      {shown && <Banner id={id} status={status} />}
      <main>
        {!shown && <Waiting id={id} status={status} />}
        {shown && facts?.kind === 'rich' && (
          <RichEditor
            key={doc.guid}
            doc={doc}
            carets={provider.presence}
            editable={editable}
            label={t.document.content}
            placeholder={editable ? t.document.placeholder : ''}
          />
        )}
        {shown && facts?.kind === 'text' && (
          <TextEditor
            key={doc.guid}
            doc={doc}
            carets={provider.presence}
            editable={editable}
            label={t.document.content}
          />
        )}
      </main>
    </div>
  )
}

/** Instead of the content: that it comes, or why it does not. */
function Waiting({ id, status }: { id: string; status: Status }) {
  const { text, detail } = wordsFor(status)
  const final = status.kind === 'refused'
  return (
    <div class="empty" data-testid="waiting">
      {status.kind === 'loading' ? (
        <progress value={status.progress} aria-label={text} data-testid="progress" />
      ) : (
        <Icon name={final ? 'alert' : 'busy'} />
      )}
      <p>{detail ?? text}</p>
      {final && <a href={HOME}>{t.home}</a>}
      {status.kind === 'readonly' && status.why === 'trashed' && <Restore id={id} />}
    </div>
  )
}

/** Above the content: why it cannot be written, or not saved. */
function Banner({ id, status }: { id: string; status: Status }) {
  const passing = status.kind === 'hindered' || status.kind === 'offline'
  if (!passing && status.kind !== 'readonly') return null
  const { icon, detail } = wordsFor(status)
  const waiting =
    status.kind === 'readonly' && status.waiting > 0 ? t.document.waitingKept(status.waiting) : ''
  return (
    <div class={passing ? 'banner passing' : 'banner'} data-testid="banner">
      <Icon name={icon} />
      <p>
        {detail} {waiting}
      </p>
      {status.kind === 'readonly' && status.why === 'trashed' && <Restore id={id} />}
      {status.kind === 'readonly' && status.why === 'outdated' && (
        <button onClick={() => location.reload()} data-testid="reload">
          {t.reload}
        </button>
      )}
    </div>
  )
}

function Restore({ id }: { id: string }) {
  const restore = (): void => void restoreDocument(id).catch(() => notify({ text: t.errors.forbidden }))
  return (
    <button onClick={restore} data-testid="restore">
      {t.list.restore}
    </button>
  )
}

interface AsidesProps {
  open: OpenDocument
  kept: Kept
  person: string
  kind: Kind
}

/** What left this document and waits for a decision. */
function Asides({ open, kept, person, kind }: AsidesProps) {
  const looking = useSignal<Aside | undefined>(undefined)
  const close = (): void => void (looking.value = undefined)
  return (
    <>
      {open.asides.value.map((aside) => (
        <div class="banner warn" key={aside.at} role="alert" data-testid="aside">
          <Icon name="alert" />
          <p>{aside.why === 'history' ? t.aside.history : t.aside.refused}</p>
          <button onClick={() => (looking.value = aside)} data-testid="aside-look">
            {t.aside.look}
          </button>
        </div>
      ))}
      {looking.value && (
        <AsideDialog
          aside={looking.value}
          person={person}
          kind={kind}
          kept={kept}
          onDiscard={() => {
            void open.discard(looking.value!)
            close()
          }}
          onClose={close}
        />
      )}
    </>
  )
}
