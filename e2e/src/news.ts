// Waiting for something to be true, without asking the clock: whoever changes things says so.

const deadlineMs = 60_000

/** Wakes those who wait whenever `tell` is called. */
export class News {
  #waiting: (() => void)[] = []
  #failure: Error | undefined

  tell(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** Nothing good will come: all who wait, and who come to wait, are told why. */
  fail(failure: Error): void {
    this.#failure ??= failure
    this.tell()
  }

  /** Resolves once `holds` does; it is looked at now and at each `tell`. Rejects when nothing came of it in a minute. */
  async until(holds: () => boolean): Promise<void> {
    if (this.#failure) throw this.#failure
    if (holds()) return
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.tell()
    }, deadlineMs)
    while (!holds() && !late && !this.#failure)
      await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    clearTimeout(timer)
    if (this.#failure) throw this.#failure
    if (!holds()) throw new Error(`a minute passed without ${holds}`)
  }
}
