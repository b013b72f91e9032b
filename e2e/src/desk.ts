// What a person does in front of our pages, and what they can read there. The only place that knows how to find things on a page.
import type { Locator, Page } from 'playwright-core'
import { become, browse } from './browser'
import { password, type Person } from './people'

/** Something that the header said about saving. */
export interface Said {
  kind: string
  text: string
}

export class Desk {
  readonly page: Page
  readonly name: string
  readonly #url: string
  /** How many connections were begun and how many edits were sent, by this page's WebSockets. */
  readonly sent = { connections: 0, edits: 0 }
  /** What the page complained about: errors, and what the Content-Security-Policy forbade. */
  readonly complaints: string[] = []

  private constructor(page: Page, name: string, url: string) {
    this.page = page
    this.name = name
    this.#url = url
    page.on('pageerror', ({ message }) => void this.complaints.push(message))
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) this.complaints.push(message.text())
    })
    page.on('websocket', (socket) => {
      this.sent.connections++
      socket.on('framesent', ({ payload }) => {
        if (/^45\d-\/live,\d+\["edit"/.test(String(payload))) this.sent.edits++
      })
    })
  }

  /** A new browser with nobody signed in; or somebody, if `person` is given. */
  static async sit(name: string, url: string, person?: Person): Promise<Desk> {
    const page = await browse(name)
    if (person) await become(page.context(), person, url)
    await page.addInitScript(listenToTheHeader)
    const desk = new Desk(page, name, url)
    await page.goto(`${url}/`)
    return desk
  }

  async signUp(): Promise<void> {
    if (!(await this.page.getByTestId('submit').innerText()).includes('Create'))
      await this.page.getByTestId('other-mode').click()
    await this.sign()
  }

  /** Fills in the form that is shown, whichever it is. */
  async sign(): Promise<void> {
    await this.page.getByTestId('name').fill(this.name)
    await this.page.getByTestId('password').fill(password)
    await this.page.getByTestId('submit').click()
  }

  /** Makes a document with this title and stays in it. Resolves with its id. */
  async create(title: string): Promise<string> {
    await this.page.getByTestId('create').click()
    await this.page.waitForURL('**/d/*')
    await this.page.getByTestId('title').fill(title)
    await this.page.getByTestId('title').press('Enter')
    return new URL(this.page.url()).pathname.slice('/d/'.length)
  }

  /** Follows the line of the list with this title. */
  async follow(title: string, { wait = true } = {}): Promise<void> {
    await this.page.getByTestId('row').filter({ hasText: title }).getByRole('link').click()
    if (wait) await this.content.waitFor()
  }

  async open(doc: string): Promise<void> {
    await this.page.goto(`${this.#url}/d/${doc}`)
  }

  get content(): Locator {
    return this.page.getByTestId('content')
  }

  get banner(): Locator {
    return this.page.getByTestId('banner')
  }

  /** Puts the caret at the very end. */
  async toTheEnd(): Promise<void> {
    await this.content.click()
    await this.page.keyboard.press('Control+End')
  }

  /** Presses these keys, one after the other, as fast as a person in a hurry. */
  async type(text: string): Promise<void> {
    await this.page.keyboard.type(text, { delay: 12 })
  }

  /** The paragraphs of the document, without other people's carets. */
  async paragraphs(): Promise<string[]> {
    return this.content.evaluate((content) => {
      const copy = content.cloneNode(true) as HTMLElement
      copy.querySelectorAll('.caret').forEach((caret) => caret.remove())
      return [...copy.children].map((child) => child.textContent ?? '')
    })
  }

  /** The names of the others who are here. */
  people(): Promise<string[]> {
    return this.page
      .getByTestId('people')
      .getByRole('listitem')
      .evaluateAll((items) => items.map((item) => item.dataset.person ?? ''))
  }

  /** Waits until the header says this: `saved`, `saving`, `offline`, `hindered`, `readonly` ... */
  async says(kind: string): Promise<void> {
    await this.page.locator(`[data-testid=status][data-status=${kind}]`).waitFor({ timeout: 30_000 })
  }

  /** All that the header said since the page was loaded. */
  async said(): Promise<Said[]> {
    return this.page.evaluate(() => (globalThis as unknown as { said: Said[] }).said)
  }

  /** What was set aside, opened and read. */
  async aside(): Promise<string> {
    await this.page.getByTestId('aside-look').click()
    return this.page.getByTestId('aside-text').inputValue()
  }
}

/** Runs in the page: notes each change of the words about saving. */
function listenToTheHeader(): void {
  const said: Said[] = []
  ;(globalThis as unknown as { said: Said[] }).said = said
  const look = () => {
    const status = document.querySelector<HTMLElement>('[data-testid=status]')
    if (!status) return
    const now = { kind: status.dataset.status ?? '', text: status.innerText.trim() }
    if (now.kind !== said.at(-1)?.kind || now.text !== said.at(-1)?.text) said.push(now)
  }
  new MutationObserver(look).observe(document, {
    subtree: true,
    childList: true,
    attributes: true,
    characterData: true,
  })
}
