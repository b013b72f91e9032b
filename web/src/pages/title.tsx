// A document's title, renamed in place: Enter or leaving the field saves, Escape takes back.
import { useEffect, useRef } from 'preact/hooks'
import { renameDocument } from '../api/documents'
import { ApiError } from '../api/http'
import { t, textFor } from '../i18n'
import { notify } from '../ui/toast'

interface TitleProps {
  id: string
  title: string
  editable: boolean
}

export function Title({ id, title, editable }: TitleProps) {
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    // Somebody else's new title waits until our own is finished.
    if (document.activeElement !== field.current) field.current!.value = title
    document.title = `${title} · SeSoDocs`
  }, [title])

  const save = async (): Promise<void> => {
    const written = field.current!.value.trim()
    if (written === '') field.current!.value = title
    if (written === '' || written === title) return
    try {
      await renameDocument(id, written)
    } catch (error) {
      field.current!.value = title
      notify({ text: textFor(t.errors, error instanceof ApiError ? error.code : 'other') })
    }
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') field.current!.value = title
    if (event.key === 'Enter' || event.key === 'Escape') field.current!.blur()
  }
  return (
    <input
      ref={field}
      class="title"
      aria-label={t.document.title}
      placeholder={t.untitled}
      maxLength={200}
      readOnly={!editable}
      autocomplete="off"
      spellcheck={false}
      onFocus={() => title === t.untitled && field.current!.select()}
      onBlur={save}
      onKeyDown={onKeyDown}
      data-testid="title"
    />
  )
}
