// A native modal dialog that opens when it is drawn. The browser keeps the focus inside and closes it on Escape.
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { t } from '../i18n'
import { Icon } from './icons'

interface DialogProps {
  title: string
  testId?: string
  wide?: boolean
  onClose: () => void
  children: ComponentChildren
}

export function Dialog({ title, testId, wide, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog
      ref={dialog}
      class={wide ? 'wide' : ''}
      aria-labelledby={heading}
      data-testid={testId}
      onClose={onClose}
    >
      <header>
        <h2 id={heading}>{title}</h2>
        <button class="quiet icon-only" type="button" aria-label={t.close} onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {children}
    </dialog>
  )
}

interface ConfirmProps {
  title: string
  text: string
  confirm: string
  onConfirm: () => void
  onClose: () => void
}

/** Asks before something that cannot be undone. */
export function Confirm({ title, text, confirm, onConfirm, onClose }: ConfirmProps) {
  return (
    <Dialog title={title} testId="confirm" onClose={onClose}>
      <p>{text}</p>
      <footer>
        <button type="button" onClick={onClose}>
          {t.cancel}
        </button>
        <button
          type="button"
          class="danger"
          data-testid="confirm-yes"
          onClick={() => {
            onClose()
            onConfirm()
          }}
        >
          {confirm}
        </button>
      </footer>
    </Dialog>
  )
}
