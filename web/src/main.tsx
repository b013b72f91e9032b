import { render } from 'preact'

render(<main>SeSoDocs</main>, document.getElementById('app')!)
