// The words about saving in a document's header: exactly what the status machine says, never more.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Status } from '../collab/status'
import { t, textFor } from '../i18n'
import { Icon, type IconName } from '../ui/icons'

interface Said {
  icon: IconName
  text: string
  /** Said in full, where a word is not enough. */
  detail?: string
}

export function StatusLine({ status }: { status: Status }) {
  const { icon, text, detail } = wordsFor(status)
  return (
    <>
      <p
        class="status"
        data-testid="status"
        data-status={status.kind}
        data-waiting={waitingOf(status)}
        title={detail}
      >
        <Icon name={icon} />
        <span>{text}</span>
      </p>
      <Announcer status={status} />
    </>
  )
}

/** Tells those who listen of what matters; "Saving" and "Saved" at each key would be noise. */
function Announcer({ status }: { status: Status }) {
  const [said, say] = useState('')
  const troubled = useRef(false)
  useEffect(() => {
    const trouble = !['saving', 'saved', 'connecting', 'loading'].includes(status.kind)
    if (trouble || (troubled.current && status.kind === 'saved')) {
      const { text, detail } = wordsFor(status)
      troubled.current = trouble
      say(detail ?? text)
    }
  }, [status])
  return (
    <p class="hidden" role="status">
      {said}
    </p>
  )
}

function waitingOf(status: Status): number {
  return 'waiting' in status ? status.waiting : 0
}

export function wordsFor(status: Status): Said {
  const words = t.status
  switch (status.kind) {
    case 'connecting':
      return { icon: 'busy', text: words.connecting }
    case 'loading': {
      const percent = new Intl.NumberFormat(t.language, { style: 'percent' })
      return { icon: 'busy', text: words.loading(percent.format(status.progress)) }
    }
    case 'saved':
      return { icon: 'saved', text: words.saved }
    case 'saving':
      return { icon: 'busy', text: words.saving }
    case 'offline':
      return {
        icon: 'offline',
        text: status.waiting > 0 ? words.offlineWaiting(status.waiting) : words.offline,
        detail: status.kept ? words.offlineKept : words.offlineNotKept,
      }
    case 'hindered': {
      const detail = textFor(words.trouble, status.code)
      return { icon: 'alert', text: status.waiting > 0 ? words.notSaved : words.connecting, detail }
    }
    case 'readonly':
      return { icon: 'eye', text: words.readOnly, detail: words.readOnlyWhy[status.why] }
    case 'refused':
      return { icon: 'alert', text: words.refused, detail: textFor(words.refusedWhy, status.code) }
  }
}
