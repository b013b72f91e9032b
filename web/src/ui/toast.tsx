// Short notices at the foot of the page, with at most one action. The last one replaces the one before.
import { signal } from '@preact/signals'
import { t } from '../i18n'
import { Icon } from './icons'

export interface Notice {
  text: string
  action?: { label: string; run: () => void }
}

const SHOWN_MS = 8_000
const notice = signal<Notice | undefined>(undefined)
let timer: ReturnType<typeof setTimeout> | undefined

export function notify(shown: Notice): void {
  clearTimeout(timer)
  notice.value = shown
  timer = setTimeout(dismiss, SHOWN_MS)
}

function dismiss(): void {
  notice.value = undefined
}

export function Toast() {
  const shown = notice.value
  return (
    <div class="toast-place" role="status">
      {shown && (
        <div class="toast" data-testid="toast">
          <span>{shown.text}</span>
          {shown.action && (
            <button
              class="link"
              data-testid="toast-action"
              onClick={() => {
                dismiss()
                shown.action?.run()
              }}
            >
              {shown.action.label}
            </button>
          )}
          <button class="quiet icon-only" aria-label={t.close} onClick={dismiss}>
            <Icon name="close" />
          </button>
        </div>
      )}
    </div>
  )
}
