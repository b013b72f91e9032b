// Numbers about numbers.

/** The value below which this share of the numbers lies; NaN of none. */
export function percentile(numbers: number[], share: number): number {
  const sorted = Float64Array.from(numbers).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}

/** `p50 1.2 ms, p99 3.4 ms of 5,000`. */
export function latencies(durationsMs: number[]): string {
  const [p50, p99] = [0.5, 0.99].map((share) => percentile(durationsMs, share).toFixed(1))
  return `p50 ${p50} ms, p99 ${p99} ms of ${durationsMs.length}`
}
