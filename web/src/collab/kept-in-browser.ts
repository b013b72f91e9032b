// The browser's form of `Kept`: one IndexedDB database. It decides nothing; each method is one transaction.
import { supersedes, type Aside, type CopyId, type Kept, type Snapshot } from './kept'
import type { Edit } from './outbox'

const SNAPSHOTS = 'snapshots' // [person, document] -> Snapshot
const WAITING = 'waiting' // [person, document, client, n] -> Placed
const ASIDES = 'asides' // [person, document, at] -> Aside

/** An edit with its place; places grow with time, over all tabs and pages. */
type Placed = Edit & { place: number }

/** Opens the database; `undefined` where the browser refuses to store. */
export async function keptInBrowser(): Promise<Kept | undefined> {
  try {
    const request = indexedDB.open('sesodocs', 1)
    request.addEventListener('upgradeneeded', () => {
      for (const store of [SNAPSHOTS, WAITING, ASIDES]) request.result.createObjectStore(store)
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

  async load(copy: CopyId): Promise<{ snapshot: Snapshot | undefined; waiting: Edit[] }> {
    const transaction = this.#database.transaction([SNAPSHOTS, WAITING])
    const snapshot = done<Snapshot | undefined>(transaction.objectStore(SNAPSHOTS).get(keyOf(copy)))
    const waiting = done<Placed[]>(transaction.objectStore(WAITING).getAll(within(copy)))
    return { snapshot: await snapshot, waiting: (await waiting).toSorted((a, b) => a.place - b.place) }
  }

  add(copy: CopyId, edits: readonly Edit[]): Promise<void> {
    return this.#write([WAITING], (of) => edits.forEach((edit) => place(of(WAITING), copy, edit)))
  }

  remove(copy: CopyId, edits: readonly Edit[]): Promise<void> {
    return this.#write([WAITING], (of) => edits.forEach((edit) => of(WAITING).delete(waitingKey(copy, edit))))
  }

  rewrite(copy: CopyId, edits: readonly Edit[]): Promise<void> {
    return this.#write([WAITING], (of) => {
      of(WAITING).delete(within(copy))
      edits.forEach((edit) => place(of(WAITING), copy, edit))
    })
  }

  save(copy: CopyId, snapshot: Snapshot): Promise<void> {
    return this.#write([SNAPSHOTS], (of) => {
      const request: IDBRequest<Snapshot | undefined> = of(SNAPSHOTS).get(keyOf(copy))
      request.addEventListener('success', () => {
        if (supersedes(snapshot, request.result)) of(SNAPSHOTS).put(snapshot, keyOf(copy))
      })
    })
  }

  setAside(copy: CopyId, aside: Aside, edits: readonly Edit[], forget: { snapshot: boolean }): Promise<void> {
    return this.#write([SNAPSHOTS, WAITING, ASIDES], (of) => {
      of(ASIDES).put(aside, [...keyOf(copy), aside.at])
      edits.forEach((edit) => of(WAITING).delete(waitingKey(copy, edit)))
      if (forget.snapshot) of(SNAPSHOTS).delete(keyOf(copy))
    })
  }

  asides(copy: CopyId): Promise<Aside[]> {
    return done<Aside[]>(this.#database.transaction(ASIDES).objectStore(ASIDES).getAll(within(copy)))
  }

  discard(copy: CopyId, aside: Aside): Promise<void> {
    return this.#write([ASIDES], (of) => of(ASIDES).delete([...keyOf(copy), aside.at]))
  }

  forgetSnapshot(copy: CopyId): Promise<void> {
    return this.#write([SNAPSHOTS], (of) => of(SNAPSHOTS).delete(keyOf(copy)))
  }

  countWaiting(person: string): Promise<number> {
    return done(this.#database.transaction(WAITING).objectStore(WAITING).count(allOf(person)))
  }

  forget(person: string): Promise<void> {
    const stores = [SNAPSHOTS, WAITING, ASIDES]
    return this.#write(stores, (of) => stores.forEach((store) => of(store).delete(allOf(person))))
  }

  #write(stores: string[], work: (of: (store: string) => IDBObjectStore) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(stores, 'readwrite')
      transaction.addEventListener('complete', () => resolve())
      transaction.addEventListener('abort', () => reject(transaction.error ?? new Error('aborted')))
      work((store) => transaction.objectStore(store))
    })
  }
}

let lastPlace = 0

function place(store: IDBObjectStore, copy: CopyId, { client, n, update }: Edit): void {
  lastPlace = Math.max(Date.now(), lastPlace + 1)
  store.put({ client, n, update, place: lastPlace } satisfies Placed, waitingKey(copy, { client, n }))
}

function keyOf({ person, document }: CopyId): string[] {
  return [person, document]
}

function waitingKey(copy: CopyId, { client, n }: Pick<Edit, 'client' | 'n'>): IDBValidKey {
  return [...keyOf(copy), client, n]
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
