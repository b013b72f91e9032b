// A button with a native popover of actions. The browser closes it on Escape and on a click elsewhere.
import { useId, useRef } from 'preact/hooks'
import { Icon, type IconName } from './icons'

export interface MenuItem {
  label: string
  icon: IconName
  testId?: string
  run: () => void
}

/** With this to its left, a menu fits beside the right edge of its button. */
const WIDEST_PX = 280

interface MenuProps {
  label: string
  icon: IconName
  items: MenuItem[]
  look?: 'quiet' | 'main'
  testId?: string
}

export function Menu({ label, icon, items, look = 'quiet', testId = 'menu' }: MenuProps) {
  const id = useId()
  const button = useRef<HTMLButtonElement>(null)
  const list = useRef<HTMLDivElement>(null)
  const place = (): void => {
    const from = button.current!.getBoundingClientRect()
    const { style } = list.current!
    style.top = `${Math.min(from.bottom + 4, innerHeight - items.length * 44 - 16)}px`
    style.right = `${innerWidth - Math.max(from.right, WIDEST_PX)}px`
  }
  const move = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const buttons = [...list.current!.querySelectorAll('button')]
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement)
    buttons[(at + step + buttons.length) % buttons.length]?.focus()
  }
  return (
    <>
      <button
        ref={button}
        class={`${look} icon-only`}
        aria-label={label}
        title={label}
        data-testid={testId}
        {...{ popovertarget: id }}
        onClick={place}
      >
        <Icon name={icon} />
      </button>
      <div
        ref={list}
        id={id}
        class="menu"
        role="menu"
        tabIndex={-1}
        aria-label={label}
        {...{ popover: 'auto' }}
        onToggle={(event) => {
          if (event.newState === 'open') list.current!.querySelector('button')?.focus()
        }}
        onKeyDown={move}
      >
        {items.map((item) => (
          <button
            key={item.label}
            class="quiet"
            role="menuitem"
            data-testid={item.testId}
            onClick={() => {
              list.current!.hidePopover()
              item.run()
            }}
          >
            <Icon name={item.icon} />
            {item.label}
          </button>
        ))}
      </div>
    </>
  )
}
