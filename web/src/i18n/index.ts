// The texts in the browser's language, loaded before anything is drawn, and dates in the same language.
import type { Texts } from './en'

/** The texts. Set by `loadTexts` before the first page is drawn. */
export let t: Texts

export async function loadTexts(languages: readonly string[]): Promise<void> {
  const portuguese = languages.find((language) => /^(pt|en)\b/i.test(language))?.startsWith('pt')
  t = portuguese ? (await import('./pt-BR')).ptBR : (await import('./en')).en
}

/** The text for a server's code, or the one for all others. */
export function textFor<K extends string>(texts: Record<K | 'other', string>, code: string): string {
  return Object.hasOwn(texts, code) ? texts[code as K] : texts.other
}

const UNITS = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const

/** "3 hours ago". */
export function ago(time_ms: number, now_ms = Date.now()): string {
  const seconds = (now_ms - time_ms) / 1000
  const format = new Intl.RelativeTimeFormat(t.language, { numeric: 'auto' })
  for (const [unit, length] of UNITS) {
    if (seconds >= length) return format.format(-Math.floor(seconds / length), unit)
  }
  return format.format(0, 'second')
}
