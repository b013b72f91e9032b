// Turns texts into blocks beside the page, which goes on meanwhile, and answers with the blocks that are others than before.
import { blocksOf } from './markdown'
import { stretchBetween } from './stretch'

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
  const { from, removed, added } = stretchBetween(known, blocks)
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
