// A component that is loaded when it is first drawn, for what most visits do not need.
import { signal } from '@preact/signals'
import type { ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import { t } from '../i18n'

export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  const state = signal<{ Component?: ComponentType<Props>; failed?: true }>({})
  const begin = async (): Promise<void> => {
    if (state.value.Component) return
    try {
      state.value = { Component: await load() }
    } catch {
      state.value = { failed: true }
    }
  }
  return function Lazy(props: Props) {
    useEffect(() => void begin(), [])
    const { Component, failed } = state.value
    if (Component) return <Component {...props} />
    return failed ? <Failed /> : null
  }
}

function Failed() {
  return (
    <div class="empty">
      <h1>{t.pageFailed}</h1>
      <button onClick={() => location.reload()}>{t.reload}</button>
    </div>
  )
}
