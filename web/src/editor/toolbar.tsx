// The formatting toolbar. It reads the editor at most once for each picture, however fast changes come.
import type { ChainedCommands, Editor } from '@tiptap/core'
import { yUndoPluginKey } from '@tiptap/y-tiptap'
import { useEffect, useState } from 'preact/hooks'
import { t } from '../i18n'
import type { IconName } from '../ui/icons'
import { Tool, ToolBar } from '../ui/tools'
import { LinkDialog } from './link-dialog'

interface Format {
  name: IconName
  label: string
  keys?: string
  run: (chain: ChainedCommands) => ChainedCommands
}

const formats = (): Format[][] => [
  [
    { name: 'bold', label: t.format.bold, keys: 'B', run: (chain) => chain.toggleBold() },
    { name: 'italic', label: t.format.italic, keys: 'I', run: (chain) => chain.toggleItalic() },
    { name: 'underline', label: t.format.underline, keys: 'U', run: (chain) => chain.toggleUnderline() },
    { name: 'strike', label: t.format.strike, keys: 'Shift+S', run: (chain) => chain.toggleStrike() },
    { name: 'code', label: t.format.code, keys: 'E', run: (chain) => chain.toggleCode() },
  ],
  [
    {
      name: 'bulletList',
      label: t.format.bulletList,
      keys: 'Shift+8',
      run: (chain) => chain.toggleBulletList(),
    },
    {
      name: 'orderedList',
      label: t.format.orderedList,
      keys: 'Shift+7',
      run: (chain) => chain.toggleOrderedList(),
    },
    { name: 'quote', label: t.format.quote, keys: 'Shift+B', run: (chain) => chain.toggleBlockquote() },
    { name: 'codeBlock', label: t.format.codeBlock, keys: 'Alt+C', run: (chain) => chain.toggleCodeBlock() },
    { name: 'rule', label: t.format.rule, run: (chain) => chain.setHorizontalRule() },
  ],
]

const LEVELS = [1, 2, 3] as const

/** What the toolbar shows: which tools are on, the heading's level, and whether there is something to undo. */
interface Reading {
  on: ReadonlySet<string>
  level: number
  href: string | undefined
  canUndo: boolean
  canRedo: boolean
}

export function Toolbar({ editor }: { editor: Editor }) {
  const reading = useReading(editor)
  const [linking, setLinking] = useState(false)
  const apply = (run: Format['run']): void => void run(editor.chain().focus()).run()

  const tool = ({ name, label, keys, run }: Format, { disabled = false } = {}) => (
    <Tool
      key={name}
      icon={name}
      label={label}
      keys={keys}
      isOn={name === 'undo' || name === 'redo' || name === 'rule' ? undefined : reading.on.has(name)}
      disabled={disabled}
      testId={`format-${name}`}
      onClick={() => apply(run)}
    />
  )

  return (
    <ToolBar label={t.document.toolbar}>
      <select
        aria-label={t.format.style}
        data-testid="format-style"
        value={String(reading.level)}
        onChange={(event) => {
          const level = LEVELS.find((known) => String(known) === event.currentTarget.value)
          apply((chain) => (level ? chain.setHeading({ level }) : chain.setParagraph()))
        }}
      >
        <option value="0">{t.format.paragraph}</option>
        {LEVELS.map((level) => (
          <option key={level} value={String(level)}>
            {t.format.heading(level)}
          </option>
        ))}
      </select>
      {formats().map((group, at) => (
        <div class="tools" key={group[0]!.name}>
          {group.map((format) => tool(format))}
          {at === 0 && (
            <Tool
              icon="link"
              label={t.format.link}
              isOn={reading.href !== undefined}
              testId="format-link"
              onClick={() => setLinking(true)}
            />
          )}
        </div>
      ))}
      <div class="tools">
        {tool(
          { name: 'undo', label: t.format.undo, keys: 'Z', run: (chain) => chain.undo() },
          { disabled: !reading.canUndo },
        )}
        {tool(
          { name: 'redo', label: t.format.redo, keys: 'Shift+Z', run: (chain) => chain.redo() },
          { disabled: !reading.canRedo },
        )}
      </div>
      {linking && <LinkDialog editor={editor} href={reading.href} onClose={() => setLinking(false)} />}
    </ToolBar>
  )
}

function useReading(editor: Editor): Reading {
  const [reading, setReading] = useState(() => read(editor))
  useEffect(() => {
    let frame = 0
    const soon = (): void => {
      frame ||= requestAnimationFrame(() => {
        frame = 0
        if (!editor.isDestroyed) setReading(read(editor))
      })
    }
    editor.on('transaction', soon)
    soon()
    return () => {
      editor.off('transaction', soon)
      cancelAnimationFrame(frame)
    }
  }, [editor])
  return reading
}

const MARKS = [
  'bold',
  'italic',
  'underline',
  'strike',
  'code',
  'codeBlock',
  'bulletList',
  'orderedList',
] as const

function read(editor: Editor): Reading {
  const on = new Set<string>(MARKS.filter((name) => editor.isActive(name)))
  if (editor.isActive('blockquote')) on.add('quote')
  const undoing = yUndoPluginKey.getState(editor.state)?.undoManager
  return {
    on,
    level: editor.isActive('heading') ? Number(editor.getAttributes('heading')['level']) : 0,
    href: editor.isActive('link') ? String(editor.getAttributes('link')['href']) : undefined,
    canUndo: (undoing?.undoStack.length ?? 0) > 0,
    canRedo: (undoing?.redoStack.length ?? 0) > 0,
  }
}
