// Seeded random numbers: a run that failed can be made again.

/** Small and good enough for choices in tests (mulberry32). */
export class Random {
  readonly seed: number
  #state: number

  /** `SESODOCS_SEED`, or a new seed; printed, so that a failure can be repeated. */
  static seeded(what: string): Random {
    const seed = Number(process.env.SESODOCS_SEED ?? Math.floor(Math.random() * 2 ** 31))
    console.log(`${what}: SESODOCS_SEED=${seed}`)
    return new Random(seed)
  }

  constructor(seed: number) {
    this.seed = seed
    this.#state = seed
  }

  /** From 0 up to 1, without 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 up to `end`, without it. */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }
}
