// The course's contract with a client of another language, each transport alone.
import { expect, test } from 'vitest'
import { runPython } from '../src/python'
import { Server } from '../src/server'
import { staged } from '../src/stage'

test.each(['polling', 'websocket'])('python-socketio, over %s', async (transport) => {
  const server = await staged(Server.start())
  const held = await runPython<{ holds: string; transport: string }>('classic.py', server.url, transport)
  expect(held.map(({ holds }) => holds)).toEqual([
    'sign up and in',
    'refused tokens',
    'join',
    'add',
    'list',
    'select with acknowledgement',
    'two clients write',
    'errors to the sender',
    'leave and delete',
  ])
  expect(new Set(held.map((line) => line.transport))).toEqual(new Set([transport]))
})
