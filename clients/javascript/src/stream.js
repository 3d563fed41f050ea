/**
 * Streams of server-sent events that survive broken connections.
 *
 * @import { Call, Failure } from './exchange.js'
 * @import { ServerEvent } from './sse.js'
 * @import { OwnStreamOptions } from './types.js'
 */

import { RefusedError, UnavailableError, UnexpectedError } from './errors.js'
import {
  Attempt,
  Backoff,
  answerOf,
  checkSendable,
  failureOf,
  isTransient,
  problemOf,
  sleep,
} from './exchange.js'
import { Parser } from './sse.js'

/**
 * Time without a byte after which a connection is abandoned, in milliseconds. A service sends a
 * comment every 10 seconds.
 */
const SILENCE = 30_000

/** Pause before a reconnect, in milliseconds, unless the stream names another one. */
const RECONNECT = 1_000

/** The longest pause before a reconnect, in milliseconds, unless the stream names a longer one. */
const LONGEST = 5_000

/**
 * Yields the events of a stream, until the service says that there are no more (204). A connection
 * that breaks is opened again with the id of the last event. If that fails for `patience`, the
 * stream ends with an error.
 *
 * @param {Call} call
 * @param {number} patience
 * @param {OwnStreamOptions} options
 * @param {number} [silence]
 * @returns {AsyncGenerator<ServerEvent, void>}
 */
export async function* events(call, patience, { after = '', onOpen }, silence = SILENCE) {
  let [lastEventId, pause] = [after, RECONNECT]
  let backoff = new Backoff(pause, LONGEST)
  /** @type {number | undefined} */
  let brokenSince
  for (;;) {
    const resumed = resume(call, lastEventId)
    checkSendable(resumed)
    const attempt = new Attempt(resumed)
    /** @type {Failure} */
    let failure = { mayBeExecuted: false }
    try {
      const response = await step(attempt, silence, () => attempt.open())
      if (response.status === 204) return
      if (response.status !== 200) {
        const answer = await step(attempt, silence, () => answerOf(response))
        if (isTransient(answer)) throw new Broken(failureOf(answer))
        throw new RefusedError(call.name, problemOf(answer))
      }
      const reader = readerOf(call, response)
      const parser = new Parser(lastEventId)
      let isOpen = false
      for (;;) {
        const { value, done } = await step(attempt, silence, () => reader.read())
        if (done) break
        const found = parser.push(value)
        brokenSince = undefined
        pause = parser.retry ?? pause
        backoff = new Backoff(pause, Math.max(pause, LONGEST))
        if (!isOpen && parser.lastEventId) {
          isOpen = true
          onOpen?.()
        }
        for (const event of found) {
          lastEventId = event.id
          yield event
        }
        // An id without data is a place from which to continue, too.
        lastEventId = parser.lastEventId
      }
    } catch (error) {
      // Errors of the caller's code, which may end here, are not those of a connection.
      if (!(error instanceof Broken)) throw error
      call.signal?.throwIfAborted()
      failure = error.failure
    } finally {
      attempt.close()
    }
    const now = performance.now()
    brokenSince ??= now
    const wait = backoff.step(failure.atLeast)
    if (now + wait > brokenSince + patience)
      throw new UnavailableError(call.name, now - brokenSince, failure)
    await sleep(wait, call.signal)
  }
}

/** A connection that broke, or could not be opened yet. */
class Broken {
  /** @param {Failure} failure */
  constructor(failure) {
    this.failure = failure
  }
}

/**
 * Awaits a step of a connection. The time that the caller takes for an event does not count.
 *
 * @template T
 * @param {Attempt} attempt
 * @param {number} silence
 * @param {() => Promise<T>} step
 */
async function step(attempt, silence, step) {
  try {
    return await attempt.within(silence, step)
  } catch (cause) {
    throw new Broken({ cause, mayBeExecuted: false })
  }
}

/**
 * Adds the id of the last event to a request.
 *
 * @param {Call} call
 * @param {string} lastEventId
 * @returns {Call}
 */
function resume(call, lastEventId) {
  if (lastEventId === '') return call
  const headers = { ...call.headers, 'last-event-id': lastEventId }
  return { ...call, headers }
}

/**
 * Returns the reader of a stream. Another page, such as that of a proxy, is an error for good.
 *
 * @param {Call} call
 * @param {Response} response
 */
function readerOf(call, { headers, body }) {
  const type = headers.get('content-type')
  if (body && type?.startsWith('text/event-stream')) return body.getReader()
  throw new UnexpectedError(call.name, `has a response of the type ${type} instead of events`)
}
