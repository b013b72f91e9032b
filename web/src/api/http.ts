// Calls of the server's HTTP interface: JSON out, JSON in, one error class. Knows no pages.

/** A refusal, with the server's stable code; `unreachable` if there was no answer at all. */
export class ApiError extends Error {
  readonly code: string
  readonly status: number
  /** The whole answer, for the calls whose refusal says more. */
  readonly body: unknown

  constructor(code: string, message: string, status: number, body: unknown) {
    super(message)
    this.code = code
    this.status = status
    this.body = body
  }
}

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'

export async function call<T>(method: Method, path: string, body?: object): Promise<T> {
  const write = method !== 'GET'
  let response: Response
  try {
    response = await fetch(path, {
      method,
      ...(write && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body ?? {}) }),
    })
  } catch (error) {
    throw new ApiError('unreachable', String(error), 0, undefined)
  }
  const answer: unknown = response.status === 204 ? undefined : await response.json().catch(() => undefined)
  if (response.ok) return answer as T
  const { code = 'internal', message = '' } =
    (answer as { error?: Partial<ApiError> } | undefined)?.error ?? {}
  throw new ApiError(code, message, response.status, answer)
}
