// What a person does in front of classic-site/, and what they can read there. The only place that knows how to find things on its pages.
import { join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { browse } from './browser'
import { password } from './people'

/** The folder that `--classic-site` is given. */
export const site = join(import.meta.dirname, '../classic-site')

export class Site {
  readonly page: Page
  readonly name: string
  readonly #url: string

  private constructor(page: Page, name: string, url: string) {
    this.page = page
    this.name = name
    this.#url = url
    page.on('dialog', (dialog) => void dialog.accept())
  }

  /** A new browser that has opened the list, and was therefore sent to sign in. */
  static async visit(name: string, url: string): Promise<Site> {
    const visitor = new Site(await browse(`${name} at the site`), name, url)
    await visitor.page.goto(`${url}/`)
    await visitor.page.waitForURL('**/entrar/')
    return visitor
  }

  /** A new browser whose person has an account and is signed in. */
  static async join(name: string, url: string): Promise<Site> {
    const visitor = await Site.visit(name, url)
    await visitor.signUp()
    await visitor.page.waitForURL('**/entrar/')
    await visitor.signIn()
    await visitor.isHome()
    return visitor
  }

  /** Another tab of the same browser, at the list. */
  async secondTab(): Promise<Site> {
    const tab = new Site(await this.page.context().newPage(), this.name, this.#url)
    await tab.page.goto(`${this.#url}/`)
    return tab
  }

  async signUp(): Promise<void> {
    await this.page.goto(`${this.#url}/criar-conta/`)
    await this.#sign('Criar conta', password)
  }

  async signIn(secret = password): Promise<void> {
    await this.#sign('Entrar', secret)
  }

  async signOut(): Promise<void> {
    await this.page.getByRole('button', { name: 'Sair' }).click()
    await this.page.waitForURL('**/entrar/')
  }

  async create(document: string): Promise<void> {
    await this.page.getByLabel('Nome do novo documento').fill(document)
    await this.page.getByRole('button', { name: 'Criar' }).click()
  }

  /** Follows the link of this document, and waits for its text. */
  async open(document: string): Promise<void> {
    await this.link(document).click()
    await this.page.locator('#editor:enabled').waitFor()
  }

  async home(): Promise<void> {
    await this.page.getByRole('link', { name: 'Documentos' }).click()
    await this.isHome()
  }

  /** Waits until the list has been opened, and says whose it is. */
  async isHome(): Promise<void> {
    await this.page.locator('#nome').getByText(this.name, { exact: true }).waitFor()
  }

  /** Presses these keys where the caret is, as a person in a hurry. */
  async type(text: string): Promise<void> {
    await this.editor.focus()
    await this.page.keyboard.type(text, { delay: 12 })
  }

  get list(): Locator {
    return this.page.locator('#documentos')
  }

  link(document: string): Locator {
    return this.list.getByRole('link', { name: document, exact: true })
  }

  get editor(): Locator {
    return this.page.getByLabel('Texto do documento')
  }

  text(): Promise<string> {
    return this.editor.inputValue()
  }

  /** The names of those who are in the document, as shown. */
  people(): Promise<string[]> {
    return this.page.getByRole('list', { name: 'Quem está aqui' }).getByRole('listitem').allInnerTexts()
  }

  /** Waits until the page says exactly this. */
  async says(message: string): Promise<void> {
    await this.page.getByRole('status').getByText(message, { exact: true }).waitFor()
  }

  async #sign(button: string, secret: string): Promise<void> {
    await this.page.getByLabel('Nome').fill(this.name)
    await this.page.getByLabel('Senha').fill(secret)
    await this.page.getByRole('button', { name: button }).click()
  }
}
