// Who I am, and signing out: it asks first if changes on this device would be lost (D5).
import { useSignal } from '@preact/signals'
import type { Me } from '../api/session'
import { kept, signOut } from '../app/session'
import { t } from '../i18n'
import { Confirm } from '../ui/dialog'
import { Icon } from '../ui/icons'
import { notify } from '../ui/toast'

export function PersonMenu({ me }: { me: Me }) {
  const waiting = useSignal(0)
  const ask = async (): Promise<void> => {
    waiting.value = await (await kept).countWaiting(me.id)
    if (waiting.value === 0) leave()
  }
  return (
    <div class="person-menu">
      <span class="me" data-testid="me">
        {me.name}
      </span>
      <button
        class="quiet icon-only"
        aria-label={t.sign.out}
        title={t.sign.out}
        onClick={ask}
        data-testid="sign-out"
      >
        <Icon name="signOut" />
      </button>
      {waiting.value > 0 && (
        <Confirm
          title={t.sign.out}
          text={t.sign.outAsk(waiting.value)}
          confirm={t.sign.outDiscard}
          onConfirm={leave}
          onClose={() => (waiting.value = 0)}
        />
      )}
    </div>
  )
}

function leave(): void {
  void signOut().catch(() => notify({ text: t.errors.unreachable }))
}
