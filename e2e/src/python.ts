// Runs a script of `python/` with a Python that has python-socketio, wherever install-tools has put it.
import { execFile, execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const home = join(import.meta.dirname, '..')
const env = { ...process.env, PYTHONPATH: join(home, '.tools/python'), PYTHONUTF8: '1' }

function interpreter(): string {
  const able = ['python3', '/usr/bin/python3'].find((python) => {
    try {
      execFileSync(python, ['-c', 'import socketio, requests, websocket'], { env, stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })
  if (!able) throw new Error('these tests need Python with python-socketio: e2e/install-tools gets it')
  return able
}

/** Resolves with the lines of JSON that the script prints; rejects with what it says when it fails. */
export async function runPython<T>(script: string, ...words: string[]): Promise<T[]> {
  const { stdout } = await promisify(execFile)(interpreter(), [join(home, 'python', script), ...words], {
    env,
    timeout: 120_000,
  })
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)
}
