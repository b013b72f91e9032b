// The beginning: texts in the browser's language, then the page.
import { render } from 'preact'
import { App } from './app/app'
import { startRouter } from './app/router'
import { lookUpSession } from './app/session'
import { loadTexts, t } from './i18n'
import './ui/style.css'

await loadTexts(navigator.languages)
document.documentElement.lang = t.language
startRouter()
await lookUpSession()
render(<App />, document.getElementById('app')!)
