// Asks for a link's address and sets it on the selection, or takes it away.
import type { Editor } from '@tiptap/core'
import { t } from '../i18n'
import { Dialog } from '../ui/dialog'

interface LinkDialogProps {
  editor: Editor
  href: string | undefined
  onClose: () => void
}

export function LinkDialog({ editor, href, onClose }: LinkDialogProps) {
  const set = (event: SubmitEvent): void => {
    event.preventDefault()
    const address = (new FormData(event.currentTarget as HTMLFormElement).get('href') as string).trim()
    onClose()
    const full = /^[a-z][a-z0-9+.-]*:/i.test(address) ? address : `https://${address}`
    const chain = editor.chain().focus().extendMarkRange('link')
    if (editor.state.selection.empty && href === undefined) {
      chain
        .insertContent({ type: 'text', text: address, marks: [{ type: 'link', attrs: { href: full } }] })
        .run()
    } else {
      chain.setLink({ href: full }).run()
    }
  }
  const remove = (): void => {
    onClose()
    editor.chain().focus().extendMarkRange('link').unsetLink().run()
  }
  return (
    <Dialog title={t.format.link} testId="link-dialog" onClose={onClose}>
      <form onSubmit={set}>
        <label>
          {t.format.linkAddress}
          <input
            name="href"
            inputMode="url"
            autocomplete="off"
            required
            defaultValue={href ?? ''}
            data-testid="link-address"
          />
        </label>
        <footer>
          {href !== undefined && (
            <button type="button" onClick={remove} data-testid="link-remove">
              {t.format.linkRemove}
            </button>
          )}
          <button class="main" data-testid="link-set">
            {t.format.linkSet}
          </button>
        </footer>
      </form>
    </Dialog>
  )
}
