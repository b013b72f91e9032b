// Writes what the target `update` begins with, fuzz/corpus/update: each update of the engine's corpus of
// real logs, after the part of its log that comes before it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

const logs = JSON.parse(readFileSync(new URL('../crates/engine/tests/update-corpus.json', import.meta.url)))
const folder = new URL('corpus/update/', import.meta.url)
mkdirSync(folder, { recursive: true })
logs.forEach((log, l) =>
  log.forEach(({ update }, keep) =>
    writeFileSync(
      new URL(`real-${l}-${keep}`, folder),
      Buffer.concat([Buffer.from([l, keep]), Buffer.from(update, 'base64')]),
    ),
  ),
)
