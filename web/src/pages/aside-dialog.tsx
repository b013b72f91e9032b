// What left a document and is kept for the person: to read, to copy, or to make a new document of (L7, D3).
import { createDocument } from '../api/documents'
import { navigate } from '../app/router'
import type { Aside, Kept } from '../collab/kept'
import { beginWith } from '../collab/open-document'
import type { Kind } from '../collab/wire'
import { t, textFor } from '../i18n'
import { ApiError } from '../api/http'
import { Dialog } from '../ui/dialog'
import { Icon } from '../ui/icons'
import { notify } from '../ui/toast'

interface AsideDialogProps {
  aside: Aside
  person: string
  /** Of the document that it left: a new one is of the same. */
  kind: Kind
  kept: Kept
  onDiscard: () => void
  onClose: () => void
}

export function AsideDialog({ aside, person, kind, kept, onDiscard, onClose }: AsideDialogProps) {
  const empty = aside.text === ''
  const copy = async (event: MouseEvent): Promise<void> => {
    // The clipboard interface is not there over plain http: selecting and copying by command is.
    const box = (event.currentTarget as HTMLElement).closest('dialog')!.querySelector('textarea')!
    box.select()
    if (navigator.clipboard) await navigator.clipboard.writeText(aside.text)
    else document.execCommand('copy')
    notify({ text: t.aside.copied })
  }
  const makeDocument = async (): Promise<void> => {
    try {
      const { id } = await createDocument(t.aside.copyOf(aside.title || t.untitled), kind)
      await beginWith(kept, { person, document: id }, aside, kind)
      onDiscard()
      navigate(`d/${id}`)
    } catch (error) {
      notify({ text: textFor(t.errors, error instanceof ApiError ? error.code : 'other') })
    }
  }
  return (
    <Dialog title={t.aside.title} testId="aside-dialog" wide onClose={onClose}>
      <p>{aside.why === 'history' ? t.aside.historyHint : t.aside.refusedHint}</p>
      {empty ? (
        <p class="hint">{t.aside.noWords}</p>
      ) : (
        <textarea readOnly rows={10} value={aside.text} aria-label={t.aside.title} data-testid="aside-text" />
      )}
      <footer>
        <button class="danger" type="button" onClick={onDiscard} data-testid="aside-discard">
          {t.aside.discard}
        </button>
        {!empty && (
          <>
            <button type="button" onClick={copy} data-testid="aside-copy">
              <Icon name="copy" /> {t.aside.copy}
            </button>
            <button class="main" type="button" onClick={makeDocument} data-testid="aside-new">
              {t.aside.newDocument}
            </button>
          </>
        )}
      </footer>
    </Dialog>
  )
}
