// Waiting for something to be true, without asking the clock: whoever changes things says so.

/** Wakes those who wait whenever `tell` is called. */
export class News {
  #waiting: (() => void)[] = []

  tell(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** Resolves once `holds` does; it is looked at now and at each `tell`. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => void this.#waiting.push(resolve))
  }
}
