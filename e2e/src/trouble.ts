// Troubles that an operator has: a disk that is full, a disk that is slow. Linux only.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Server, ServerOptions } from './server'

/** A server whose data is on a small disk of its own, which nobody else sees. */
export function onSmallDisk(megabytes: number): ServerOptions {
  const data = mkdtempSync(join(tmpdir(), 'sesodocs-e2e-'))
  const mount = `mount -t tmpfs -o size=${megabytes}m none "$0" && exec "$@"`
  return { data, wrapper: ['unshare', '--map-root-user', '--mount', 'sh', '-c', mount, data] }
}

/** Takes all the space that is left on the server's disk. Call what it returns to give it back. */
export function fillDisk(server: Server): () => void {
  const file = `/proc/${server.pid}/root${server.data}/filler`
  const filler = openSync(file, 'w')
  for (const bytes of [1 << 20, 1 << 12]) {
    try {
      for (;;) writeSync(filler, Buffer.alloc(bytes))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
  closeSync(filler)
  return () => rmSync(file)
}

/** Makes each sync of the server's files take this long. Resolves once it does, with what ends it. */
export async function slowDisk(server: Server, delayMs: number): Promise<{ end(): Promise<unknown> }> {
  const inject = `inject=fsync,fdatasync:delay_enter=${delayMs * 1000}`
  const words = [
    '-f',
    '-p',
    String(server.pid),
    '-o',
    '/dev/null',
    '-e',
    'trace=fsync,fdatasync',
    '-e',
    inject,
  ]
  const tracer = spawn('strace', words, { stdio: ['ignore', 'ignore', 'pipe'] })
  const [said] = await Promise.race([
    once(tracer.stderr, 'data'),
    once(tracer, 'error').then(([error]) => Promise.reject(error)),
  ])
  if (!/attached/.test(String(said))) throw new Error(`strace: ${said}`)
  return {
    end: async () => {
      if (tracer.exitCode !== null || tracer.signalCode !== null) return
      tracer.kill('SIGTERM')
      await once(tracer, 'exit')
    },
  }
}
