// The course's guides: every command in them prints what they say, both teach the same, and no link of our pages is dead.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { expect, test, type TestContext } from 'vitest'
import { type Block, headings, lessons, type Link, links, pages, read, root } from '../src/guide'
import { Server } from '../src/server'

const guides = ['docs/guia-do-curso.md', 'docs/course-guide.md'] as const

/** Where a learner's server listens. */
const address = 'http://127.0.0.1:3000'

/** Where the clients of the tests are; a learner has them from npm. */
const installed = join(root, 'e2e/node_modules')

/** A learner's folder: beside it the guide and the data of a server of its own, as in a clone after `make run`. */
async function classroom(guide: string, { onTestFinished }: TestContext) {
  const server = await Server.start()
  onTestFinished(() => server.end())
  const clone = mkdtempSync(join(tmpdir(), 'sesodocs-guide-'))
  onTestFinished(() => rmSync(clone, { recursive: true }))
  const folder = join(clone, 'target/course')
  for (const made of [folder, dirname(join(clone, guide))]) mkdirSync(made, { recursive: true })
  symlinkSync(installed, join(clone, 'node_modules'))
  symlinkSync(server.data, join(clone, 'data'))
  const markdown = read(guide).replaceAll(address, server.url)
  writeFileSync(join(clone, guide), markdown)
  return { folder, blocks: lessons(guide, markdown).flatMap((lesson) => lesson.blocks) }
}

/** Runs a command as a learner's shell would; resolves with what is seen. */
function typed(command: string, cwd: string): Promise<string> {
  const { NO_COLOR: _, FORCE_COLOR: __, ...inherited } = process.env
  const env = { ...inherited, no_proxy: '127.0.0.1' }
  // It also ends what the shell has started.
  const words = ['20s', 'bash', '-ec', `exec 2>&1\n${command}`]
  return new Promise((resolve, reject) => {
    execFile('timeout', words, { cwd, env }, (error, seen) => {
      if (error) reject(new Error(`${command}\nended with ${error.code ?? error.signal}:\n${seen}`))
      else resolve(seen.replaceAll('\r', '').trimEnd())
    })
  })
}

/** `…` stands for anything within its line. */
function expectSeen(seen: string, block: Block, said: string): void {
  const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  const pattern = new RegExp(`^${said.trimEnd().split('…').map(literal).join('.*')}$`)
  if (!pattern.test(seen)) expect(seen, `the command in line ${block.line}`).toBe(said.trimEnd())
}

test.concurrent.for(guides)('%s: every command prints what the guide says', async (guide, context) => {
  const { folder, blocks } = await classroom(guide, context)
  for (const [index, block] of blocks.entries()) {
    if (block.language !== 'sh') continue
    const next = blocks[index + 1]
    const said = next?.language === 'text' ? next.body : ''
    expectSeen(await typed(block.body, folder), block, said)
  }
})

test.each(guides)('%s: every lesson leads to code and shows something, and every client is run', (guide) => {
  const [preface, ...rest] = lessons(guide, read(guide))
  expect(preface!.blocks).toEqual([])
  for (const { title, blocks, links } of rest) {
    const code = links.filter((link) => /\.(rs|ts)$/.test(link.file))
    expect(code, `links to code in ${title}`).not.toEqual([])
    expect(
      blocks.map((block) => block.language),
      title,
    ).toContain('sh')
  }
  const blocks = rest.flatMap((lesson) => lesson.blocks)
  const started = blocks.filter((block) => block.language === 'sh').map((block) => block.body)
  const imported = blocks.filter((block) => block.language === 'js').map((block) => block.body)
  for (const { language, file, line } of blocks) {
    // No other kind could hide a command from being run.
    expect(['console', 'js', 'sh', 'text'], `line ${line}`).toContain(language)
    if (language !== 'js') continue
    const used = started.join().includes(`node ${file}`) || imported.join().includes(`from './${file}'`)
    expect(used, `${file} is run`).toBe(true)
  }
})

test.each(guides)('%s: what a learner starts and installs first is there', async (guide) => {
  const blocks = lessons(guide, read(guide)).flatMap((lesson) => lesson.blocks)
  const lines = blocks
    .filter((block) => block.language === 'console')
    .flatMap(({ body }) => body.trim().split('\n'))
  for (const line of lines) {
    const packages = /^npm install --prefix \. (.+)$/.exec(line)?.[1]?.split(' ')
    if (line.startsWith('make ')) await typed(line.replace('make', 'make --dry-run'), root)
    else if (packages) packages.forEach((name) => expect(existsSync(join(installed, name)), name).toBe(true))
    else expect(line).toBe('mkdir -p target/course && cd target/course')
  }
})

test('the guides have the same lessons, with the same blocks and the same links', () => {
  const [portuguese, english] = guides.map((guide) =>
    lessons(guide, read(guide)).map(({ blocks, links }) => ({
      blocks: blocks.map(({ language, file, body }) => ({
        language,
        file,
        body: body.replaceAll(basename(guide), 'GUIDE'),
      })),
      links: links.map(({ file, place }) => ({ file, place })).filter(({ file }) => !isGuide(file)),
    })),
  )
  expect(portuguese).toEqual(english)
})

const isGuide = (file: string): boolean => (guides as readonly string[]).includes(file)

test.each(pages())('%s: every link leads to what is there', (page) => {
  for (const link of links(page, read(page))) {
    expect(existsSync(join(root, link.file)), `${link.file} exists`).toBe(true)
    if (link.place) expectPlace(link)
    const name = /^`(?:\w+::)*(\w+)`$/.exec(link.text)?.[1]
    if (name && statSync(join(root, link.file)).isFile()) expectDefined(link.file, name)
  }
})

/** A line that the file has, or a heading. */
function expectPlace({ file, place }: Link): void {
  const line = /^L(\d+)$/.exec(place)?.[1]
  const text = read(file)
  if (line) expect(text.split('\n').length, `${file}#${place}`).toBeGreaterThanOrEqual(Number(line))
  else expect(headings(text), `headings of ${file}`).toContain(place)
}

/** A link that is called by a name, as `may`, leads to the file that defines it. */
function expectDefined(file: string, name: string): void {
  const definition = new RegExp(
    `\\b(fn|struct|enum|trait|type|const|static|mod|class|function|interface) ${name}\\b`,
  )
  expect(definition.test(read(file)), `${file} defines ${name}`).toBe(true)
}
