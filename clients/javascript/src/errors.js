/**
 * Errors of the client. A caller distinguishes them by class.
 *
 * A call that its signal has aborted rejects with the reason of the signal, as `fetch` does, and
 * with none of these.
 *
 * @import { Operation, Problem } from './types.js'
 */

/** A reason for which a call has no result. */
export class FactlineError extends Error {
  /**
   * @param {string} request
   * @param {string} text
   * @param {{ problem?: Problem, cause?: unknown }} [source]
   */
  constructor(request, text, { problem, cause } = {}) {
    const why = problem ? `: ${shown(problem)}` : cause instanceof Error ? `: ${cause.message}` : ''
    super(`${request} ${text}${why}`, { cause })
    this.name = new.target.name
    /** The method and path. */
    this.request = request
    /** The problem document (RFC 9457) of the service's response, if there is one. */
    this.problem = problem
  }
}

/** The service refuses the request, and a retry would not change that. */
export class RefusedError extends FactlineError {
  /**
   * @param {string} request
   * @param {Problem} problem
   */
  constructor(request, problem) {
    super(request, 'is refused', { problem })
    /** The problem document (RFC 9457) of the response. */
    this.problem = problem
  }
}

/**
 * A transient failure persisted until `patience` ended. If the request was a command, it was not
 * accepted.
 */
export class UnavailableError extends FactlineError {
  /**
   * @param {string} request
   * @param {number} waited
   * @param {{ problem?: Problem, cause?: unknown }} failure
   */
  constructor(request, waited, failure) {
    super(request, `failed for ${Math.round(waited)} ms`, failure)
    /** Time during which the request was retried, in milliseconds. */
    this.waited = waited
  }
}

/**
 * The command was sent, and it is unknown whether the service accepted it. It can be sent again
 * with its key. If its operation is named, `client.operation` shows whether it was accepted.
 */
export class UnknownError extends FactlineError {
  /**
   * @param {string} request
   * @param {string | undefined} key
   * @param {{ problem?: Problem, cause?: unknown }} failure
   */
  constructor(request, key, failure) {
    super(request, 'may have been accepted, which is unknown', failure)
    /** The idempotency key of all attempts; undefined if the command was sent as repeatable. */
    this.key = key
    /** The operation's address if the command was accepted, such as `operations/7`. */
    this.operation = failure.problem?.operation
    /** The resource's address. */
    this.resource = failure.problem?.resource
  }
}

/** The operation did not end before `patience` ended. */
export class StillOpenError extends FactlineError {
  /**
   * @param {string} request
   * @param {Operation} operation
   * @param {number} waited
   */
  constructor(request, operation, waited) {
    super(request, `is still ${operation.state} after ${Math.round(waited)} ms`)
    /** The operation in the last response. */
    this.operation = operation
    /** Time during which the client waited, in milliseconds. */
    this.waited = waited
  }
}

/** A successful response lacks a header, or its body has an unexpected form. */
export class UnexpectedError extends FactlineError {}

/** The body cannot be written as JSON, or the address or a header is invalid. */
export class UnsendableError extends FactlineError {}

/** @param {Problem} problem */
function shown({ status, title, detail, errors = [] }) {
  const fields = errors.map(
    (error) => `; ${error.pointer ?? error.parameter ?? ''} ${error.detail}`,
  )
  return `${status} ${title}${detail ? `: ${detail}` : ''}${fields.join('')}`
}
