// What the browser keeps of a document: stretches of the log that join by their tags (D5).
import { describe, expect, test } from 'vitest'
import { chained, KeptInMemory, type Stretch } from './kept'

const COPY = { person: 'ana', document: 'plans' }
const facts = { title: 'Plans', kind: 'rich', role: 'editor', trashed: false } as const

const at = (text: string) => ({ seq: Number(text.slice(1)), tag: text })
const edit = (n: number) => ({ client: 1, n, update: new Uint8Array([n]) })

/** `stretch('', 'b3')`: the log up to number 3, whose tag is `b3`. */
function stretch(after: string, cursor: string): Stretch {
  return { after: after === '' ? undefined : at(after), cursor: at(cursor), updates: [], facts }
}

const names = (log: readonly Stretch[]): string[] => log.map(({ cursor }) => cursor.tag)

describe('the log in the browser (D5)', () => {
  test('is the newest beginning and what continues it exactly', () => {
    const stretches = ['a5>a6', '>a3', 'a6>a9', '>a5', 'a3>a8'].map((text) => {
      const [after, cursor] = text.split('>')
      return stretch(after!, cursor!)
    })
    expect(names(chained(stretches))).toEqual(['a5', 'a6', 'a9'])
  })

  test('never joins two histories, though their numbers fit (L7)', () => {
    expect(names(chained([stretch('', 'a5'), stretch('b5', 'b6')]))).toEqual(['a5'])
    expect(chained([stretch('a5', 'a6')])).toEqual([])
  })

  test('is replaced by a snapshot up to its cursor, and goes on after it', async () => {
    const kept = new KeptInMemory()
    await kept.write(COPY, { stretch: stretch('', 'a2') })
    await kept.write(COPY, { stretch: stretch('a2', 'a4') })
    await kept.write(COPY, { stretch: stretch('a4', 'a6') })
    await kept.write(COPY, { snapshot: stretch('', 'a4') })
    expect(names((await kept.load(COPY)).log)).toEqual(['a4', 'a6'])
    await kept.write(COPY, { forgetLog: true })
    expect((await kept.load(COPY)).log).toEqual([])
  })

  test('keeps a waiting edit until it is done, in order, and for its person only', async () => {
    const kept = new KeptInMemory()
    await kept.write(COPY, { waiting: [edit(1), edit(2), edit(3)] })
    await kept.write(COPY, { done: [edit(2)] })
    expect((await kept.load(COPY)).waiting.map(({ n }) => n)).toEqual([1, 3])
    expect((await kept.load({ ...COPY, person: 'bruno' })).waiting).toEqual([])
    expect(await kept.countWaiting('ana')).toBe(2)
    await kept.forget('ana')
    expect(await kept.countWaiting('ana')).toBe(0)
  })
})
