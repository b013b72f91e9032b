// Updates in Yjs's format that Yjs itself would not write. Bytes only.

/** A number as lib0 writes it. */
export function varUint(number: number): number[] {
  const bytes = []
  for (; number > 127; number = Math.floor(number / 128)) bytes.push((number % 128) | 128)
  return [...bytes, number]
}

const noDeletions = [0]
const textKey = [1, 4, ...Buffer.from('text')]

/** One item in the shared type `text`: an array in an array in an array ..., `depth` of them. */
export function nestedArrays(client: number, depth: number): Uint8Array {
  const contentAny = [8, ...textKey, 1]
  const arrays = Array.from({ length: depth }, () => [117, 1]).flat()
  return Uint8Array.from([1, 1, ...varUint(client), 0, ...contentAny, ...arrays, 126, ...noDeletions])
}

/** One item whose left neighbour nobody has. */
export function dangling(client: number, otherClient: number): Uint8Array {
  const contentString = 4 | 128
  const origin = [...varUint(otherClient), ...varUint(7)]
  return Uint8Array.from([1, 1, ...varUint(client), 0, contentString, ...origin, 1, 120, ...noDeletions])
}

/** Deletes what nobody wrote. */
export function deletesNothing(otherClient: number): Uint8Array {
  return Uint8Array.from([0, 1, ...varUint(otherClient), 1, 0, 1])
}

/** Announces four thousand million clients and brings none. */
export const boast = Uint8Array.from([...varUint(2 ** 32), 1])
