// How the pages are built: hashed files, nothing inline (the CSP forbids it), each also compressed.
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

const compressible = /\.(js|map|css|html|svg|txt|webmanifest)$/

/** The browser client that other people's pages load from the server by name. */
const client = { folder: 'node_modules/socket.io-client/dist', builds: ['', '.min', '.esm.min'] }

/** Adds what the server knows by name: the page for an application that lives under `/app`, and the client. */
function addNamed(): Plugin {
  return {
    name: 'add-named',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const page = bundle['index.html']
      const html = page?.type === 'asset' ? String(page.source) : ''
      const below = html.replace('<base href="/" />', '<base href="/app/" />')
      if (below === html) this.error('index.html names no base')
      this.emitFile({ type: 'asset', fileName: 'app/index.html', source: below })
      for (const name of client.builds.flatMap((build) => [
        `socket.io${build}.js`,
        `socket.io${build}.js.map`,
      ])) {
        const source = readFileSync(join(import.meta.dirname, client.folder, name))
        this.emitFile({ type: 'asset', fileName: `socket.io/${name}`, source })
      }
    },
  }
}

/** Writes `.br` and `.gz` beside each text file (plain http gets no brotli from browsers) and prints the sizes. */
function compress(): Plugin {
  let folder = ''
  return {
    name: 'compress',
    apply: 'build',
    configResolved: (config) => void (folder = config.build.outDir),
    closeBundle() {
      const rows: string[] = []
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        const file = join(entry.parentPath, entry.name)
        if (!entry.isFile() || !compressible.test(file)) continue
        const bytes = readFileSync(file)
        const brotli = brotliCompressSync(bytes, {
          params: {
            [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
            [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
          },
        })
        writeFileSync(`${file}.br`, brotli)
        writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }))
        const size = [bytes, brotli].map((b) => String(b.length).padStart(8)).join(' ->')
        rows.push(`${size}  ${relative(folder, file)}`)
      }
      console.log(`\n   bytes ->  brotli  file\n${rows.join('\n')}`)
    },
  }
}

export default defineConfig({
  // Addresses of files are relative to the page's <base>.
  base: './',
  plugins: [addNamed(), compress()],
  worker: { format: 'es' },
  build: {
    target: 'es2023',
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    reportCompressedSize: false,
  },
  server: {
    proxy: { '/api': 'http://127.0.0.1:3000', '/socket.io': { target: 'http://127.0.0.1:3000', ws: true } },
  },
  test: { include: ['src/**/*.test.ts'] },
})
