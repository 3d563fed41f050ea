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
export function events(call: Call, patience: number, { after, onOpen }: OwnStreamOptions, silence?: number): AsyncGenerator<ServerEvent, void>;
import type { Call } from './exchange.js';
import type { OwnStreamOptions } from './types.js';
import type { ServerEvent } from './sse.js';
