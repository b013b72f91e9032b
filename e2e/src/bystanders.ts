// Two people who write to each other through the course's contract, in a process of their own: what keeps the tests'
// process busy does not slow their clocks. They notice everything that is not theirs.
//
// Started with the server's address, the document, and their two tokens. Tells its parent, whenever that asks,
// what happened since it last did.
import { setTimeout as pause } from 'node:timers/promises'
import { io } from 'socket.io-client'
import { type Io, Tab } from './classic'

/** What they have to tell. */
export interface Witnessed {
  /** From sending a text until the other had it. */
  durationsMs: number[]
  /** What either heard that was not the other's text. */
  foreign: string[]
  /** The text as both have it now. */
  text: string
}

const restMs = 10
const [url, nome, ...tokens] = process.argv.slice(2) as [string, string, string, string]

const pair = await Promise.all(
  tokens.map((token, at) =>
    Tab.join({ io: io as unknown as Io, url, way: at ? 'polling' : 'websocket', token }),
  ),
)
const [hers, his] = pair as [Tab, Tab]
let text = await hers.select(nome)
await his.select(nome)
await hers.hears('usuarios_no_documento')
for (const tab of pair) await tab.hears('usuarios_no_documento')
for (const tab of pair) tab.heard.length = 0

let witnessed: Omit<Witnessed, 'text'> = { durationsMs: [], foreign: [] }
process.on('message', () => {
  process.send!({ ...witnessed, text } satisfies Witnessed)
  witnessed = { durationsMs: [], foreign: [] }
})
process.on('disconnect', () => process.exit())
process.send!('ready')

for (let turn = 0; ; turn++) {
  const [writer, reader] = turn % 2 ? [his, hers] : [hers, his]
  const next = `${text}${turn} `
  const startedMs = performance.now()
  writer.write(nome, next)
  const [event, ...args] = await reader.hears('texto_editor_clientes', 'erro', 'disconnect')
  witnessed.durationsMs.push(performance.now() - startedMs)
  text = next
  if (event !== 'texto_editor_clientes' || args[0] !== text) witnessed.foreign.push(`${event} ${args}`)
  // The reader heard its text, the writer nothing.
  for (const [tab, count] of [
    [reader, 1],
    [writer, 0],
  ] as const)
    witnessed.foreign.push(...tab.heard.splice(0).slice(count).map(String))
  await pause(restMs)
}
