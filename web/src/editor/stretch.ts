// What makes one list of strings another: a single stretch, as short as possible.

export interface Stretch {
  from: number
  removed: number
  added: string[]
}

export function stretchBetween(before: readonly string[], after: readonly string[]): Stretch {
  const shorter = Math.min(before.length, after.length)
  let from = 0
  while (from < shorter && before[from] === after[from]) from += 1
  let same = 0
  while (same < shorter - from && before.at(-1 - same) === after.at(-1 - same)) same += 1
  return { from, removed: before.length - same - from, added: after.slice(from, after.length - same) }
}
