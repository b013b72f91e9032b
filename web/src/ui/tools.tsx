// A bar of tools: left and right walk through them, as in every toolbar.
import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { Icon, type IconName } from './icons'

const modifier = /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl'

export function ToolBar({ label, children }: { label: string; children: ComponentChildren }) {
  const bar = useRef<HTMLDivElement>(null)
  return (
    <div
      class="toolbar"
      role="toolbar"
      aria-label={label}
      tabIndex={-1}
      ref={bar}
      onKeyDown={(event) => walk(event, bar.current!)}
    >
      {children}
    </div>
  )
}

interface ToolProps {
  icon: IconName
  label: string
  /** With Ctrl or Cmd. */
  keys?: string | undefined
  testId: string
  isOn?: boolean | undefined
  disabled?: boolean
  onClick: () => void
}

export function Tool({ icon, label, keys, testId, isOn, disabled, onClick }: ToolProps) {
  return (
    <button
      class="quiet icon-only"
      type="button"
      title={keys ? `${label} (${modifier}+${keys})` : label}
      aria-label={label}
      aria-pressed={isOn}
      disabled={disabled}
      data-testid={testId}
      onMouseDown={keepSelection}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  )
}

/** The caret stays in the text while a tool is clicked. */
function keepSelection(event: MouseEvent): void {
  event.preventDefault()
}

function walk(event: KeyboardEvent, bar: HTMLElement): void {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
  if (step === undefined || event.target instanceof HTMLSelectElement) return
  const buttons = [...bar.querySelectorAll<HTMLElement>('select, button:not(:disabled)')]
  const at = buttons.indexOf(event.target as HTMLElement)
  if (at < 0) return
  event.preventDefault()
  buttons[(at + step + buttons.length) % buttons.length]!.focus()
}
