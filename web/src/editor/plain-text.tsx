// A text document, shown as it is and as it changes; it is not written here.
import { useEffect, useState } from 'preact/hooks'
import type * as Y from 'yjs'

export function PlainText({ doc, note }: { doc: Y.Doc; note: string }) {
  const [text, setText] = useState('')
  useEffect(() => {
    const shared = doc.getText('text')
    const look = (): void => setText(shared.toString())
    look()
    shared.observe(look)
    return () => shared.unobserve(look)
  }, [doc])
  return (
    <div class="paper">
      <p class="hint">{note}</p>
      <pre class="plain" data-testid="content">
        {text}
      </pre>
    </div>
  )
}
