/**
 * The values that the client takes and returns. Those of the wire come from the OpenAPI document,
 * and have its names.
 *
 * @typedef {import('../types/api.js').components['schemas']} Schemas
 * @typedef {import('../types/api.js').operations} Requests
 *
 * @typedef {Schemas['Operation']} Operation
 * @typedef {Schemas['OperationEvent']} OperationEvent
 * @typedef {Schemas['ListedOperation']} ListedOperation
 * @typedef {Schemas['ListedOperationPage']} ListedOperationPage
 * @typedef {Schemas['OperationStatistics']} OperationStatistics
 * @typedef {Schemas['Problem'] & ProblemOfCommand} Problem
 * @typedef {Operation['state']} State
 *
 * @typedef {NonNullable<Requests['listOperations']['parameters']['query']>} Filter
 * The parameters of a list of operations: `state`, `command`, `code`, `resource`, `user_id`,
 * `from`, `to`, `limit`, `count`, and `after` to continue.
 */

/**
 * Members that only a problem with a command has.
 *
 * @typedef {object} ProblemOfCommand
 * @property {string} [outcome] `not_accepted`, or `unknown`.
 * @property {string} [operation] The operation's address if the command was accepted.
 * @property {string} [resource] The resource's address.
 */

/**
 * A transition of an operation, or `operations_reset`: changes after the caller's last event are
 * not kept any more. Then list what you follow, and go on.
 *
 * @typedef {{ id: string, type: `operation_${State}`, data: OperationEvent }
 *   | { id: string, type: 'operations_reset', data: { reason: string } }} Event
 */

/**
 * The acceptance of a command. Addresses are relative to the origin.
 *
 * @typedef {object} Accepted
 * @property {string} operation The operation, such as `operations/7`.
 * @property {string} resource The resource that the command addresses, such as `people/9`.
 * @property {string} location Address of the operation's status, to be used unchanged.
 * @property {number} [retryAfter] Milliseconds that the service suggests before the first poll.
 */

/**
 * @typedef {object} Abortable
 * @property {AbortSignal} [signal] Ends the call, which rejects with the reason of the signal.
 */

/**
 * Conditions of a command.
 *
 * @typedef {object} OwnCommandOptions
 * @property {'POST' | 'PUT'} [method] `POST` if it is not given.
 * @property {string} [key] The idempotency key: 1 to 255 visible ASCII characters that no other
 *   command uses. Give it if the sender persists the key, so that a retry after the sender's own
 *   crash is the same operation. Without it each submission has its own key.
 * @property {boolean} [repeatable] Sends no key: for a command that has no effect when it is
 *   accepted a second time.
 * @property {number} [expectedVersion] Rejects the command as `version_conflict` unless the
 *   aggregate has this version when the command is decided. 0: it must not exist yet.
 * @property {number} [timeToLive] Ends the command as `timed_out` unless it is decided within
 *   these milliseconds after its acceptance: from 1 to 86,400,000 (a day).
 *
 * @typedef {OwnCommandOptions & Abortable} CommandOptions
 */

/**
 * @typedef {object} OwnStreamOptions
 * @property {string} [after] The id of the last event that the caller has.
 * @property {string} [user_id] The user whose operations a stream over all has.
 * @property {() => void} [onOpen] Called each time the service has begun to send: what happens from
 *   then on is in the stream.
 *
 * @typedef {OwnStreamOptions & Abortable} StreamOptions
 */

export {}
