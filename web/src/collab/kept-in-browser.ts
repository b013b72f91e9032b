// The browser's form of `Kept`: one IndexedDB database. It decides nothing; each method is one transaction.
import { chained, type Aside, type CopyId, type Kept, type Step, type Stretch } from './kept'
import type { Edit } from './outbox'

const STRETCHES = 'stretches' // [person, document, seq, tag after which, tag] -> Stretch
const WAITING = 'waiting' // [person, document, client, n] -> Placed
const ASIDES = 'asides' // [person, document, at] -> Aside
const STORES = [STRETCHES, WAITING, ASIDES]

/** An edit with its place; places grow with time, over all tabs and pages. */
type Placed = Edit & { place: number }

/** Opens the database; `undefined` where the browser refuses to store. */
export async function keptInBrowser(): Promise<Kept | undefined> {
  try {
    const request = indexedDB.open('sesodocs', 1)
    request.addEventListener('upgradeneeded', () => {
      for (const store of STORES) request.result.createObjectStore(store)
    })
    return new KeptInBrowser(await done(request))
  } catch {
    return undefined
  }
}

class KeptInBrowser implements Kept {
  readonly lasting = true
  readonly #database: IDBDatabase

  constructor(database: IDBDatabase) {
    this.#database = database
    // A newer page may change the database: let go of it rather than hold that page up.
    database.addEventListener('versionchange', () => database.close())
  }

  async load(copy: CopyId): Promise<{ log: Stretch[]; waiting: Edit[] }> {
    const transaction = this.#database.transaction([STRETCHES, WAITING])
    const stretches = done<Stretch[]>(transaction.objectStore(STRETCHES).getAll(within(copy)))
    const waiting = done<Placed[]>(transaction.objectStore(WAITING).getAll(within(copy)))
    return {
      log: chained(await stretches),
      waiting: (await waiting).toSorted((a, b) => a.place - b.place),
    }
  }

  write(copy: CopyId, step: Step): Promise<void> {
    return this.#write((of) => {
      for (const { client, n } of step.done ?? []) of(WAITING).delete([...keyOf(copy), client, n])
      for (const edit of step.waiting ?? []) place(of(WAITING), copy, edit)
      if (step.forgetLog) of(STRETCHES).delete(within(copy))
      if (step.stretch) of(STRETCHES).put(step.stretch, stretchKey(copy, step.stretch))
      if (step.snapshot) {
        of(STRETCHES).delete(IDBKeyRange.bound(keyOf(copy), [...keyOf(copy), step.snapshot.cursor.seq, []]))
        of(STRETCHES).put(step.snapshot, stretchKey(copy, step.snapshot))
      }
      if (step.aside) of(ASIDES).put(step.aside, [...keyOf(copy), step.aside.at])
    })
  }

  asides(copy: CopyId): Promise<Aside[]> {
    return done<Aside[]>(this.#database.transaction(ASIDES).objectStore(ASIDES).getAll(within(copy)))
  }

  discard(copy: CopyId, aside: Aside): Promise<void> {
    return this.#write((of) => of(ASIDES).delete([...keyOf(copy), aside.at]))
  }

  countWaiting(person: string): Promise<number> {
    return done(this.#database.transaction(WAITING).objectStore(WAITING).count(allOf(person)))
  }

  forget(person: string): Promise<void> {
    return this.#write((of) => STORES.forEach((store) => of(store).delete(allOf(person))))
  }

  #write(work: (of: (store: string) => IDBObjectStore) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(STORES, 'readwrite')
      transaction.addEventListener('complete', () => resolve())
      transaction.addEventListener('abort', () => reject(transaction.error ?? new Error('aborted')))
      work((store) => transaction.objectStore(store))
    })
  }
}

let lastPlace = 0

function place(store: IDBObjectStore, copy: CopyId, { client, n, update }: Edit): void {
  lastPlace = Math.max(Date.now(), lastPlace + 1)
  store.put({ client, n, update, place: lastPlace } satisfies Placed, [...keyOf(copy), client, n])
}

function keyOf({ person, document }: CopyId): IDBValidKey[] {
  return [person, document]
}

function stretchKey(copy: CopyId, { after, cursor }: Stretch): IDBValidKey[] {
  return [...keyOf(copy), cursor.seq, after?.tag ?? '', cursor.tag]
}

/** All keys that begin with this person and document: arrays sort after every number and string. */
function within(copy: CopyId): IDBKeyRange {
  return IDBKeyRange.bound(keyOf(copy), [...keyOf(copy), []])
}

function allOf(person: string): IDBKeyRange {
  return IDBKeyRange.bound([person], [person, []])
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result))
    request.addEventListener('error', () => reject(request.error ?? new Error('failed')))
  })
}
