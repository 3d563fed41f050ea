/**
 * The client: send a command, wait for its operation, read a resource, follow operations, cancel
 * one.
 *
 * To wait, a client asks with `Prefer: wait` (RFC 7240), and the service answers when the operation
 * has ended. A service that does not follow the preference is polled.
 *
 * @import { Answer, Call } from './exchange.js'
 * @import { Abortable, Accepted, CommandOptions, Event, Filter } from './types.js'
 * @import { ListedOperationPage, Operation, OperationStatistics, StreamOptions } from './types.js'
 */

import { RefusedError, StillOpenError, UnexpectedError, UnsendableError } from './errors.js'
import { Backoff, json, problemOf, retryAfter, sendWithRetries, sleep } from './exchange.js'
import { events } from './stream.js'

/** The location of all operations, for {@link Client.events}. */
export const ALL = '/operations'

/** The longest time for which one request asks to wait, in seconds: shorter than its timeout. */
const LONGEST_WAIT = 20

/** A Factline installation, as its clients see it. */
export class Client {
  #url
  #patience
  #fetch

  /**
   * Creates a client of the services at this URL; in a browser, `''` is the origin of the page.
   *
   * @param {string} url
   * @param {object} [options]
   * @param {number} [options.patience] Milliseconds for which each call retries transient failures,
   *   and waits for the end of an operation. 30,000 if it is not given.
   * @param {typeof fetch} [options.fetch] Sends each request: to add credentials, for example.
   */
  constructor(url, { patience = 30_000, fetch = globalThis.fetch } = {}) {
    this.#url = url.replace(/\/+$/, '')
    this.#patience = patience
    this.#fetch = fetch
  }

  /**
   * Sends a command. A lost response is harmless: all attempts have one idempotency key and are one
   * operation.
   *
   * @param {string} path
   * @param {unknown} body
   * @param {CommandOptions} [options]
   * @returns {Promise<Accepted>}
   * @throws {import('./errors.js').UnknownError} `patience` ended before it was certain whether the
   *   command was accepted.
   */
  async send(path, body, options = {}) {
    const { call, key } = this.#command(path, body, options)
    return accepted(call.name, await sendWithRetries(call, this.#until(), { key }))
  }

  /**
   * Sends a command and waits until its operation has ended. Usually this is one request. An
   * operation that was rejected has ended, too: see its `success` and `code`.
   *
   * @param {string} path
   * @param {unknown} body
   * @param {CommandOptions} [options]
   * @returns {Promise<Operation>}
   */
  async execute(path, body, options = {}) {
    const { call, key } = this.#command(path, body, options)
    const until = this.#until()
    const answer = await sendWithRetries(willing(call, until), until, { key })
    if (answer.status === 200) return json(call.name, answer)
    return this.#waitUntil(accepted(call.name, answer).location, until, options)
  }

  /**
   * Waits until an operation has ended.
   *
   * @param {string} location The location from its acceptance, or its address.
   * @param {Abortable} [options]
   * @returns {Promise<Operation>}
   * @throws {StillOpenError} It did not end before `patience` ended.
   */
  async wait(location, options = {}) {
    return this.#waitUntil(location, this.#until(), options)
  }

  /**
   * Reads an operation as it is now.
   *
   * @param {string} location
   * @param {Abortable} [options]
   * @returns {Promise<Operation>}
   */
  async operation(location, options = {}) {
    return this.#ask(location, options)
  }

  /**
   * Asks for the cancellation of an operation. The request is an operation of its own: it ends as
   * completed if the command is cancelled or its process has begun to cancel it, and as rejected
   * otherwise. A lost response is harmless: all attempts are the same operation.
   *
   * @param {string} location
   * @param {Abortable} [options]
   * @returns {Promise<Accepted>}
   * @throws {RefusedError} The operation has ended, among others.
   */
  async cancel(location, options = {}) {
    const call = this.#call('DELETE', location, options)
    // An aggregate type without routes has no addresses.
    return accepted(call.name, await sendWithRetries(call, this.#until(), {}), '')
  }

  /**
   * Yields the transitions of one operation until it has ended, or those of {@link ALL} operations
   * from now on: each once, and those of an operation in order. A broken connection is opened again
   * where it broke; if that fails for `patience`, the iteration ends with an error. The id of an
   * event, given as `after`, continues a stream on any instance.
   *
   * @param {string} location
   * @param {StreamOptions} [options]
   * @returns {AsyncGenerator<Event, void>}
   */
  async *events(location, { user_id, ...options } = {}) {
    const [path, query] = location.split('?')
    const isOne = path.replace(/^\//, '') !== 'operations'
    const address = withQuery(`${path}/events`, {
      ...Object.fromEntries(new URLSearchParams(query)),
      user_id,
    })
    const call = this.#call('GET', address, options, { accept: 'text/event-stream' })
    for await (const event of events(call, this.#patience, options)) {
      const data = parsed(call.name, event.data)
      yield /** @type {Event} */ ({ ...event, data })
      if (isOne && hasEnded(data)) return
    }
  }

  /**
   * Yields the pages of a list of operations, the newest first.
   *
   * @param {Filter} [filter]
   * @param {Abortable} [options]
   * @returns {AsyncGenerator<ListedOperationPage, void>}
   */
  async *operations(filter = {}, options = {}) {
    /** @type {string | null | undefined} */
    let after = filter.after
    do {
      /** @type {ListedOperationPage} */
      const page = await this.#ask(withQuery(ALL, { ...filter, after }), options)
      yield page
      after = page.next
    } while (after)
  }

  /**
   * Reads, for each type of command, its rate, ends, latency and open operations.
   *
   * @param {{ window?: number } & Abortable} [options] `window` is the time in seconds.
   * @returns {Promise<OperationStatistics>}
   */
  async statistics({ window, ...options } = {}) {
    return this.#ask(withQuery(`${ALL}/statistics`, { window }), options)
  }

  /**
   * Reads a resource, no older than `position`; undefined if it does not exist.
   *
   * @template [T=any]
   * @param {string} path
   * @param {{ position?: string | null } & Abortable} [options]
   * @returns {Promise<T | undefined>}
   */
  async read(path, { position, ...options } = {}) {
    const call = this.#call('GET', path, options, { 'factline-position': position })
    const answer = await sendWithRetries({ ...call, cache: 'default' }, this.#until())
    return answer.status === 404 ? undefined : json(call.name, answer)
  }

  /**
   * @param {string} location
   * @param {number} until
   * @param {Abortable} options
   */
  async #waitUntil(location, until, options) {
    const began = performance.now()
    const backoff = new Backoff()
    for (;;) {
      const call = this.#call('GET', location, options)
      const answer = await sendWithRetries(willing(call, until), until)
      /** @type {Operation} */
      const operation = json(call.name, answer)
      if (hasEnded(operation)) return operation
      // A service that follows the preference has waited already.
      const hasWaited = answer.headers.has('preference-applied')
      const pause = hasWaited ? 0 : backoff.step()
      const now = performance.now()
      if (now + pause >= until) throw new StillOpenError(call.name, operation, now - began)
      await sleep(pause, options.signal)
    }
  }

  /**
   * @param {string} path
   * @param {Abortable} options
   */
  async #ask(path, options) {
    const call = this.#call('GET', path, options)
    return json(call.name, await sendWithRetries(call, this.#until()))
  }

  #until() {
    return performance.now() + this.#patience
  }

  /**
   * @param {string} path
   * @param {unknown} body
   * @param {CommandOptions} options
   */
  #command(path, body, { method = 'POST', repeatable, expectedVersion, timeToLive, ...options }) {
    const key = repeatable ? undefined : (options.key ?? newKey())
    const call = this.#call(method, path, options, {
      'content-type': 'application/json',
      'idempotency-key': key && quoted(key),
      'factline-expected-version': expectedVersion,
      'factline-time-to-live': timeToLive,
    })
    try {
      return { key, call: { ...call, body: JSON.stringify(body) } }
    } catch (cause) {
      throw new UnsendableError(call.name, 'cannot be sent', { cause })
    }
  }

  /**
   * Returns a request. A browser's cache would add `If-None-Match` to it, and a request that waits
   * for the end of an operation would then end with any change.
   *
   * @param {string} method
   * @param {string} path
   * @param {Abortable} options
   * @param {Record<string, string | number | null | undefined>} [headers]
   * @returns {Call}
   */
  #call(method, path, { signal }, headers = {}) {
    const url = `${this.#url}/${path.replace(/^\/+/, '')}`
    const name = `${method} ${path}`
    return {
      fetch: this.#fetch,
      name,
      url,
      method,
      headers: given(headers),
      cache: 'no-store',
      signal,
    }
  }
}

/**
 * Adds the preference to wait until this time. There is none for the last second.
 *
 * @param {Call} call
 * @param {number} until
 * @returns {Call}
 */
function willing(call, until) {
  const seconds = Math.min(Math.floor((until - performance.now()) / 1_000), LONGEST_WAIT)
  return seconds < 1 ? call : { ...call, headers: { ...call.headers, prefer: `wait=${seconds}` } }
}

/**
 * @param {string} request
 * @param {Answer} answer
 * @param {string} [resource] The resource of a response that names none.
 * @returns {Accepted}
 */
function accepted(request, answer, resource) {
  if (answer.status !== 202) throw new RefusedError(request, problemOf(answer))
  /**
   * @param {string} name
   * @param {string} [otherwise]
   */
  const header = (name, otherwise) => {
    const value = answer.headers.get(name) ?? otherwise
    if (value !== undefined) return value
    throw new UnexpectedError(request, `has a response without the header ${name}`)
  }
  return {
    operation: header('x-operation'),
    resource: header('x-resource', resource),
    location: header('location'),
    retryAfter: retryAfter(answer.headers),
  }
}

/** @param {Operation} operation */
function hasEnded(operation) {
  return operation.success !== null && operation.success !== undefined
}

/**
 * @param {string} request
 * @param {string} data
 */
function parsed(request, data) {
  try {
    return JSON.parse(data)
  } catch (cause) {
    throw new UnexpectedError(request, 'has an event with unexpected data', { cause })
  }
}

/** Returns a new key. `crypto.randomUUID` would do, but browsers have it only on https. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * Quotes a key as a string of structured fields (RFC 9651), which the draft of the header requires.
 *
 * @param {string} key
 */
function quoted(key) {
  return `"${key.replace(/["\\]/g, '\\$&')}"`
}

/**
 * @param {string} path
 * @param {Record<string, string | number | boolean | null | undefined>} parameters
 */
function withQuery(path, parameters) {
  const query = new URLSearchParams(given(parameters)).toString()
  return query ? `${path}?${query}` : path
}

/**
 * Returns the values that are given, as text.
 *
 * @param {Record<string, string | number | boolean | null | undefined>} values
 */
function given(values) {
  const entries = Object.entries(values).filter(
    ([, value]) => value !== null && value !== undefined,
  )
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]))
}
