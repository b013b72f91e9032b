// Real browsers, each with a new, empty profile. Knows how to start them, and nothing of our pages.
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import type { Person } from './people'
import { results } from './server'

const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
]

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

function executable(): string {
  const found = [process.env.SESODOCS_CHROMIUM, ...places].find((path) => path && existsSync(path))
  if (!found)
    throw new Error(`these tests need Chromium, at one of ${places.join(', ')} or in SESODOCS_CHROMIUM`)
  return found
}

/** A browser of its own with one page; it ends with the test, and leaves a picture if that failed. */
export async function browse(name: string): Promise<Page> {
  const browser: Browser = await chromium.launch({
    executablePath: executable(),
    args: flags,
    headless: true,
  })
  const page = await (await browser.newContext({ viewport: { width: 1000, height: 700 } })).newPage()
  page.on('pageerror', (error) => console.log(`${name}'s page: ${error.message}`))
  onTestFinished(async ({ task }) => {
    mkdirSync(results, { recursive: true })
    if (task.result?.state === 'fail') await page.screenshot({ path: join(results, `${name}.png`) })
    await browser.close()
  })
  return page
}

/** Gives the browser somebody's session, as if they had signed in there. */
export async function become(context: BrowserContext, person: Person, url: string): Promise<void> {
  const at = person.cookie.indexOf('=')
  await context.addCookies([
    {
      name: person.cookie.slice(0, at),
      value: person.cookie.slice(at + 1),
      url,
      httpOnly: true,
      sameSite: 'Lax',
    },
  ])
}
