/**
 * Requests, and their retries until there is a response that a retry would not change.
 *
 * @import { Problem } from './types.js'
 */

import {
  RefusedError,
  UnavailableError,
  UnexpectedError,
  UnknownError,
  UnsendableError,
} from './errors.js'

/** Timeout of one request, in milliseconds. A request that takes longer is perhaps retried. */
const REQUEST = 30_000

/** The statuses of responses that ask for a retry. */
const TRANSIENT = [429, 502, 503, 504]

/** Codes of Node.js for requests that were certainly not sent. Browsers say nothing. */
const NOT_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']

/** Maximum number of characters of a response that is no problem document that are repeated. */
const MOST_TEXT = 500

/**
 * A request: the options of `fetch`, and the function that sends it.
 *
 * @typedef {object} Call
 * @property {typeof globalThis.fetch} fetch
 * @property {string} name The method and path, for errors.
 * @property {string} url
 * @property {string} method
 * @property {Record<string, string>} headers
 * @property {string} [body]
 * @property {RequestCache} [cache]
 * @property {AbortSignal} [signal]
 *
 * @typedef {object} Answer A complete response.
 * @property {number} status
 * @property {Headers} headers
 * @property {string} body
 *
 * @typedef {object} Failure
 * @property {Problem} [problem]
 * @property {unknown} [cause]
 * @property {number} [atLeast] The wait that the service asks for, in milliseconds.
 * @property {boolean} mayBeExecuted
 */

/**
 * Waits that double. Each is jittered between half and one and a half of its value, so that many
 * clients do not retry at the same moment.
 */
export class Backoff {
  #next
  #longest

  /**
   * @param {number} [first] Milliseconds.
   * @param {number} [longest]
   */
  constructor(first = 25, longest = 1_000) {
    this.#next = first
    this.#longest = longest
  }

  /**
   * Returns the next wait. No client retries before the wait that the service asked for, and
   * clients do not all retry at once after it.
   *
   * @param {number} [atLeast]
   */
  step(atLeast = 0) {
    const wait = this.#next * (0.5 + Math.random())
    this.#next = Math.min(this.#next * 2, this.#longest)
    return atLeast + wait
  }
}

/**
 * Retries until there is a response that a retry would not change, or until the time is over. Any
 * request may be retried: a read changes nothing, and a command has its key or is repeatable.
 *
 * @param {Call} call
 * @param {number} until
 * @param {{ key?: string }} [command] Given if the request is a command.
 * @returns {Promise<Answer>}
 */
export async function sendWithRetries(call, until, command) {
  checkSendable(call)
  const began = performance.now()
  const backoff = new Backoff()
  let mayBeExecuted = false
  for (;;) {
    const result = await tryOnce(call)
    if ('status' in result) return result
    mayBeExecuted ||= result.mayBeExecuted
    const pause = backoff.step(result.atLeast)
    if (performance.now() + pause > until) {
      if (command && mayBeExecuted) throw new UnknownError(call.name, command.key, result)
      throw new UnavailableError(call.name, performance.now() - began, result)
    }
    await sleep(pause, call.signal)
  }
}

/**
 * Throws if `fetch` would refuse the address, a header or the body: a retry cannot change that.
 *
 * @param {Call} call
 */
export function checkSendable({ fetch, name, url, signal, ...init }) {
  try {
    new Request(url, init)
  } catch (cause) {
    throw new UnsendableError(name, 'cannot be sent', { cause })
  }
}

/**
 * @param {Call} call
 * @returns {Promise<Answer | Failure>}
 */
async function tryOnce(call) {
  const attempt = new Attempt(call)
  try {
    const answer = await attempt.within(REQUEST, async () => answerOf(await attempt.open()))
    return isTransient(answer) ? failureOf(answer) : answer
  } catch (cause) {
    call.signal?.throwIfAborted()
    return { cause, mayBeExecuted: !isNotSent(cause) }
  } finally {
    attempt.close()
  }
}

/**
 * One attempt of a request. `AbortSignal.any` and `timeout` would do, but older browsers lack them,
 * and in Node.js 20 such signals may be collected before they abort.
 */
export class Attempt {
  #call
  #controller = new AbortController()
  #abort = () => this.#controller.abort(this.#call.signal?.reason)

  /** @param {Call} call */
  constructor(call) {
    call.signal?.throwIfAborted()
    this.#call = call
    call.signal?.addEventListener('abort', this.#abort)
  }

  /** Sends the request. */
  open() {
    const { fetch, name, url, ...init } = this.#call
    return fetch(url, { ...init, signal: this.#controller.signal })
  }

  /**
   * Awaits a step. If it takes longer than the limit, in milliseconds, the attempt is aborted.
   *
   * @template T
   * @param {number} limit
   * @param {() => Promise<T>} step
   */
  async within(limit, step) {
    const abort = () => this.#controller.abort(new Error(`no answer for ${limit} ms`))
    const timer = setTimeout(abort, limit)
    try {
      return await step()
    } finally {
      clearTimeout(timer)
    }
  }

  /** Closes the connection, if it is still in use. */
  close() {
    this.#call.signal?.removeEventListener('abort', this.#abort)
    this.#controller.abort()
  }
}

/**
 * @param {Response} response
 * @returns {Promise<Answer>}
 */
export async function answerOf(response) {
  return { status: response.status, headers: response.headers, body: await response.text() }
}

/** @param {Answer} answer */
export function isTransient({ status }) {
  return TRANSIENT.includes(status)
}

/**
 * @param {Answer} answer
 * @returns {Failure}
 */
export function failureOf(answer) {
  const problem = problemOf(answer)
  const { outcome } = problem
  // Without an outcome a gateway or proxy in between gave up, at an unknown point.
  const mayBeExecuted = outcome ? outcome !== 'not_accepted' : [502, 504].includes(answer.status)
  return { problem, mayBeExecuted, atLeast: retryAfter(answer.headers) }
}

/** @param {unknown} error */
function isNotSent(error) {
  const { cause } = /** @type {{ cause?: { code?: string } }} */ (error)
  return NOT_SENT.includes(cause?.code ?? '')
}

/**
 * Returns the wait that the service asks for, in milliseconds: seconds or a date, see RFC 9110.
 *
 * @param {Headers} headers
 */
export function retryAfter(headers) {
  const text = headers.get('retry-after')
  if (text === null) return undefined
  const wait = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now()
  return Number.isNaN(wait) ? undefined : Math.max(wait, 0)
}

/**
 * Reads an unsuccessful response. One that is no problem document is converted to one, so that
 * there is always a description.
 *
 * @param {Answer} answer
 * @returns {Problem}
 */
export function problemOf({ status, body }) {
  const found = parsed(body)
  const document =
    typeof found === 'object' && found ? found : { detail: body.trim().slice(0, MOST_TEXT) }
  return { type: 'about:blank', title: 'no success', ...document, status }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Returns the body of a response whose status is 200.
 *
 * @param {string} request
 * @param {Answer} answer
 */
export function json(request, answer) {
  if (answer.status !== 200) throw new RefusedError(request, problemOf(answer))
  try {
    return JSON.parse(answer.body)
  } catch (cause) {
    throw new UnexpectedError(request, 'has a response with an unexpected body', { cause })
  }
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    signal?.addEventListener('abort', stop, { once: true })
  })
}
