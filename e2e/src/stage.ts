// What a test starts ends with it.
import { onTestFinished } from 'vitest'

/** Hands on what was started, and ends it when the test is over, however that comes about. */
export async function staged<T extends { end(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
  const started = await starting
  onTestFinished(async () => void (await started.end()))
  return started
}
