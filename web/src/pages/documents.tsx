// The live list of documents, and the trash: making, naming, trashing, restoring.
import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import {
  createDocument,
  deleteForEver,
  renameDocument,
  restoreDocument,
  trashDocument,
} from '../api/documents'
import { ApiError } from '../api/http'
import type { Me } from '../api/session'
import { HOME, navigate } from '../app/router'
import type { Connection } from '../collab/connection'
import { LiveList } from '../collab/list'
import type { DocumentRow, Kind } from '../collab/wire'
import { ago, t, textFor } from '../i18n'
import { Confirm, Dialog } from '../ui/dialog'
import { Icon, type IconName } from '../ui/icons'
import { Menu, type MenuItem } from '../ui/menu'
import { notify } from '../ui/toast'
import { PersonMenu } from './person-menu'

const KINDS: readonly Kind[] = ['rich', 'text']
const ICONS: Record<Kind, IconName> = { rich: 'file', text: 'textFile' }

interface DocumentsPageProps {
  trash: boolean
  me: Me
  connection: Connection
}

export function DocumentsPage({ trash, me, connection }: DocumentsPageProps) {
  const list = useMemo(() => new LiveList(connection.socket, { trash }), [connection, trash])
  useEffect(() => () => list.close(), [list])
  useEffect(() => void (document.title = `${trash ? t.list.trash : t.list.title} · SeSoDocs`), [trash])
  const rows = list.rows.value

  return (
    <div class="page">
      <header class="top">
        <a class="brand" href={HOME}>
          SeSoDocs
        </a>
        <nav>
          <a href={HOME} aria-current={trash ? undefined : 'page'}>
            {t.list.title}
          </a>
          <a href="trash" aria-current={trash ? 'page' : undefined} data-testid="to-trash-page">
            {t.list.trash}
          </a>
        </nav>
        <PersonMenu me={me} />
      </header>
      {!connection.connected.value && rows !== undefined && (
        <p class="banner" role="status" data-testid="unreachable">
          <Icon name="offline" /> {t.unreachable}
        </p>
      )}
      <main class="list-page">
        <div class="list-head">
          <h1>{trash ? t.list.trash : t.list.title}</h1>
          {!trash && (
            <div class="split">
              <button class="main" onClick={() => create('rich')} data-testid="create">
                <Icon name="plus" /> {t.list.create}
              </button>
              <Menu
                label={t.list.createKind}
                icon="down"
                look="main"
                testId="create-kind"
                items={KINDS.map((kind) => ({
                  label: t.list.kinds[kind],
                  icon: ICONS[kind],
                  testId: `create-${kind}`,
                  run: () => void create(kind),
                }))}
              />
            </div>
          )}
        </div>
        {rows === undefined && <p class="hint">{t.list.loading}</p>}
        {rows?.length === 0 && (
          <div class="empty">
            <Icon name={trash ? 'trash' : 'file'} />
            <h2>{trash ? t.list.emptyTrash : t.list.empty}</h2>
            <p>{trash ? t.list.emptyTrashHint : t.list.emptyHint}</p>
          </div>
        )}
        <ul class="rows" data-testid="documents">
          {rows?.map((row) => (
            <Row key={row.id} row={row} list={list} />
          ))}
        </ul>
        {list.more && <button onClick={() => list.loadMore()}>{t.list.more}</button>}
      </main>
    </div>
  )
}

function Row({ row, list }: { row: DocumentRow; list: LiveList }) {
  const asking = useSignal<'rename' | 'delete' | undefined>(undefined)
  const title = row.title
  const close = (): void => void (asking.value = undefined)
  return (
    <li class="row" data-testid="row" data-document={row.id}>
      <a href={`d/${row.id}`}>
        <Icon name={ICONS[row.kind]} />
        <span class="row-title">
          {title}
          {row.kind === 'text' && <span class="hidden">, {t.list.kinds.text}</span>}
        </span>
        <span class="row-facts">
          {row.visibility === 'private' && (
            <span class="private">
              <Icon name="lock" /> {t.list.private}
            </span>
          )}
          <time dateTime={new Date(row.changed).toISOString()}>
            {t.list.changed(ago(row.changed), row.changedBy)}
          </time>
        </span>
      </a>
      <Menu
        label={t.list.actions(title)}
        icon="more"
        items={actionsFor(row, list, (question) => (asking.value = question))}
      />
      {asking.value === 'rename' && <Rename row={row} list={list} onClose={close} />}
      {asking.value === 'delete' && (
        <Confirm
          title={t.list.deleteForEver}
          text={t.list.deleteAsk(title)}
          confirm={t.list.deleteForEver}
          onConfirm={() => void attempt(() => deleteForEver(row.id))}
          onClose={close}
        />
      )}
    </li>
  )
}

function actionsFor(
  row: DocumentRow,
  list: LiveList,
  ask: (question: 'rename' | 'delete') => void,
): MenuItem[] {
  const title = row.title
  const put = (trashed: boolean): void => list.put({ ...row, trashed })
  const restore = (): Promise<void> =>
    attempt(async () => {
      await restoreDocument(row.id)
      put(false)
    })
  const trash = (): Promise<void> =>
    attempt(async () => {
      await trashDocument(row.id)
      put(true)
      notify({ text: t.list.trashed(title), action: { label: t.list.undo, run: () => void restore() } })
    })
  const restoreAndSay = (): Promise<void> => restore().then(() => notify({ text: t.list.restored(title) }))
  return row.trashed
    ? [
        { label: t.list.restore, icon: 'restore', testId: 'restore', run: () => void restoreAndSay() },
        { label: t.list.deleteForEver, icon: 'trash', testId: 'delete-for-ever', run: () => ask('delete') },
      ]
    : [
        { label: t.list.rename, icon: 'rename', testId: 'rename', run: () => ask('rename') },
        { label: t.list.toTrash, icon: 'trash', testId: 'trash', run: () => void trash() },
      ]
}

function Rename({ row, list, onClose }: { row: DocumentRow; list: LiveList; onClose: () => void }) {
  const rename = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const title = (new FormData(event.currentTarget as HTMLFormElement).get('title') as string).trim()
    onClose()
    await attempt(async () => {
      await renameDocument(row.id, title)
      list.put({ ...row, title })
    })
  }
  return (
    <Dialog title={t.list.renameTitle} testId="rename-dialog" onClose={onClose}>
      <form onSubmit={rename}>
        <label>
          {t.list.newTitle}
          <input
            name="title"
            defaultValue={row.title}
            maxLength={200}
            autocomplete="off"
            data-testid="new-title"
          />
        </label>
        <footer>
          <button type="button" onClick={onClose}>
            {t.cancel}
          </button>
          <button class="main" data-testid="rename-save">
            {t.list.save}
          </button>
        </footer>
      </form>
    </Dialog>
  )
}

function create(kind: Kind): Promise<void> {
  return attempt(async () => navigate(`d/${(await createDocument(t.untitled, kind)).id}`))
}

/** Does it, or says why not. */
async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    notify({ text: textFor(t.errors, error instanceof ApiError ? error.code : 'other') })
  }
}
