// Turns texts into blocks beside the page, which goes on meanwhile, and answers with the blocks that are others than before.
import { blocksOf } from './markdown'

/** A stretch of the blocks is replaced by others, each one the JSON of a node. */
export interface Change {
  from: number
  removed: number
  blocks: string[]
  /** In the last message of an answer: the first lines of all blocks. */
  lines?: number[]
}

/** The page draws between two messages. */
const BLOCKS_A_MESSAGE = 250

const page = globalThis as unknown as Worker
let known: string[] = []

page.addEventListener('message', ({ data: text }: MessageEvent<string>) => {
  const read = blocksOf(text)
  const blocks = read.map(({ node }) => JSON.stringify(node))
  const from = firstOther(known, blocks)
  const same = sameAtEnd(known, blocks, from)
  const removed = known.length - same - from
  const added = blocks.slice(from, blocks.length - same)
  known = blocks
  for (let at = 0; at === 0 || at < added.length; at += BLOCKS_A_MESSAGE) {
    const next = at + BLOCKS_A_MESSAGE
    const change: Change = {
      from: from + at,
      removed: at === 0 ? removed : 0,
      blocks: added.slice(at, next),
    }
    if (next >= added.length) change.lines = read.map(({ line }) => line)
    page.postMessage(change)
  }
})

function firstOther(before: readonly string[], after: readonly string[]): number {
  const at = after.findIndex((block, index) => block !== before[index])
  return at < 0 ? after.length : at
}

/** How many blocks at the end are the same, those before `from` left out. */
function sameAtEnd(before: readonly string[], after: readonly string[], from: number): number {
  const most = Math.min(before.length, after.length) - from
  let same = 0
  while (same < most && before.at(-1 - same) === after.at(-1 - same)) same += 1
  return same
}
