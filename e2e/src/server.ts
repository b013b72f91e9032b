// The real binary as a child process: started, killed, started again on the same port and data.
// Knows nothing of what is said to it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

/** The binary under test: `SESODOCS_BIN`, or what `cargo build` makes. */
export const binary = resolve(
  process.env.SESODOCS_BIN ?? join(import.meta.dirname, '../../target/debug/sesodocs'),
)

/** Where logs and pictures of failures go. */
export const results = resolve(import.meta.dirname, '../.results')

/** How a server is started. */
export interface ServerOptions {
  /** Its data folder; a new one under the system's temporary folder if absent. It is removed in the end. */
  data?: string
  /** More options of `sesodocs serve`. */
  args?: string[]
  /** A command that runs the command behind it: a tracer, a namespace. It must become the server, not its parent. */
  wrapper?: string[]
}

/** Every process that was started and has not ended: none may outlive the tests. */
const running = new Set<ChildProcess>()
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')))

const startDeadlineMs = 20_000

export class Server {
  /** `http://127.0.0.1:port`; the same after a restart. */
  readonly url: string
  readonly data: string
  #child: ChildProcess
  readonly #options: ServerOptions

  private constructor(url: string, data: string, child: ChildProcess, options: ServerOptions) {
    this.url = url
    this.data = data
    this.#child = child
    this.#options = options
  }

  /** Starts a server on a free port of the loopback interface. Ready once this resolves. */
  static async start(options: ServerOptions = {}): Promise<Server> {
    const data = options.data ?? mkdtempSync(join(tmpdir(), 'sesodocs-e2e-'))
    const { child, url } = await launch(data, 0, options)
    return new Server(url, data, child, options)
  }

  get pid(): number {
    return this.#child.pid!
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  /** Ends it as a power cut would, and waits until it is gone. */
  async kill(): Promise<void> {
    await ended(this.#child, 'SIGKILL')
  }

  /** Asks it to end; resolves with its exit code. */
  async stop(): Promise<number | null> {
    return ended(this.#child, 'SIGTERM')
  }

  /** Starts it again: same port, same data. */
  async restart(): Promise<void> {
    this.#child = (await launch(this.data, this.port, this.#options)).child
  }

  /** Kills it and removes its data. */
  async end(): Promise<void> {
    await this.kill()
    rmSync(this.data, { recursive: true, force: true })
  }

  /** Resident memory in bytes, now and at its highest. */
  memory(): { bytes: number; peakBytes: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? NaN)
    return { bytes: kib('VmRSS') * 1024, peakBytes: kib('VmHWM') * 1024 }
  }
}

/** Runs `sesodocs` with these words to its end and resolves with what it printed; rejects if it failed. */
export async function run(words: string[], input = ''): Promise<string> {
  const child = spawn(binary, words, { stdio: ['pipe', 'pipe', 'pipe'] })
  // A command that refuses before it reads closes the pipe: its exit code and its words tell what happened.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`sesodocs ${words.join(' ')} ended with ${code}:\n${said}`)
  return said
}

/** Starts the process and waits for the line that names its address. Its log goes to `.results/`. */
async function launch(data: string, port: number, { args = [], wrapper = [] }: ServerOptions) {
  mkdirSync(results, { recursive: true })
  const logFile = join(results, `${basename(data)}.log`)
  const log = openSync(logFile, 'a')
  const words = [...wrapper, binary, 'serve', '--listen', `127.0.0.1:${port}`, '--data', data, ...args]
  const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', log] })
  closeSync(log)
  running.add(child)
  child.once('exit', () => running.delete(child))
  const url = await address(child, () => readFileSync(logFile, 'utf8').slice(-4000))
  return { child, url }
}

function address(child: ChildProcess, log: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => child.kill('SIGKILL'), startDeadlineMs)
    const failed = (code: number | null, signal: string | null) => {
      clearTimeout(late)
      reject(new Error(`the server ended (${code ?? signal}) before it said where it listens:\n${log()}`))
    }
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const found = /SeSoDocs listens on (http:\/\/[^\s/]+)/.exec(line)
      if (!found) return
      clearTimeout(late)
      child.off('exit', failed)
      resolve(found[1]!)
    })
    child.once('error', reject)
    child.once('exit', failed)
  })
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }
  return child.exitCode
}
