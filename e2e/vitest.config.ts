// Which tests run beside each other, and which need the machine for themselves.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const alone = ['typing-trace', 'durability', 'slow-readers', 'classic-better', 'classic-hostile'].map(
  (name) => `test/${name}.test.ts`,
)

export default defineConfig({
  // The page's provider runs here too: one Yjs for both, or neither knows the other's documents.
  resolve: { alias: { yjs: fileURLToPath(import.meta.resolve('yjs')) } },
  test: {
    globalSetup: 'src/build.ts',
    testTimeout: 180_000,
    hookTimeout: 60_000,
    disableConsoleIntercept: true,
    projects: [
      {
        extends: true,
        test: {
          name: 'alone',
          include: alone,
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'together',
          include: ['test/*.test.ts'],
          exclude: alone,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
