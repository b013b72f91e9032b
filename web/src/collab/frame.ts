// When work that gathers is done: with the next picture in a browser, at the next turn of the loop elsewhere.

/** A hidden page draws no pictures; its work is done after so long. */
const HIDDEN_MS = 100

/** Runs `work` once, soon. Returns what takes it back. */
export function onNextFrame(work: () => void): () => void {
  if (typeof requestAnimationFrame !== 'function') {
    const turn = setTimeout(work, 0)
    return () => clearTimeout(turn)
  }
  const stop = (): void => {
    cancelAnimationFrame(frame)
    clearTimeout(timer)
  }
  const once = (): void => {
    stop()
    work()
  }
  const frame = requestAnimationFrame(once)
  const timer = setTimeout(once, HIDDEN_MS)
  return stop
}
