// Waiting for something to be true, without asking the clock: whoever changes things says so.

const deadlineMs = 60_000

/** Wakes those who wait whenever `tell` is called. */
export class News {
  #waiting: (() => void)[] = []

  tell(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** Resolves once `holds` does; it is looked at now and at each `tell`. Rejects when nothing came of it in a minute. */
  async until(holds: () => boolean): Promise<void> {
    if (holds()) return
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.tell()
    }, deadlineMs)
    while (!holds() && !late) await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    clearTimeout(timer)
    if (!holds()) throw new Error(`a minute passed without ${holds}`)
  }
}
