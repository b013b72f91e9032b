// Before all tests: the binary is there, and old logs and pictures are not.
import { execFileSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { binary, results } from './server'

export default function build(): void {
  rmSync(results, { recursive: true, force: true })
  if (!process.env.SESODOCS_BIN) {
    execFileSync('cargo', ['build', '--quiet', '--bin', 'sesodocs'], {
      cwd: join(import.meta.dirname, '../..'),
      stdio: 'inherit',
    })
  }
  if (!existsSync(binary)) throw new Error(`there is no binary at ${binary}`)
}
