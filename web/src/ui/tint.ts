// A person's colour: the same everywhere, from their id. The colours themselves are in the style sheet.

const TINTS = 12

/** The CSS class that sets `--tint`. */
export function tintOf(person: string): string {
  let sum = 0
  for (const letter of person) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0
  return `tint-${sum % TINTS}`
}
