/** The location of all operations, for {@link Client.events}. */
export const ALL: "/operations";
/** A Factline installation, as its clients see it. */
export class Client {
    /**
     * Creates a client of the services at this URL; in a browser, `''` is the origin of the page.
     *
     * @param {string} url
     * @param {object} [options]
     * @param {number} [options.patience] Milliseconds for which each call retries transient failures,
     *   and waits for the end of an operation. 30,000 if it is not given.
     * @param {typeof fetch} [options.fetch] Sends each request: to add credentials, for example.
     */
    constructor(url: string, { patience, fetch }?: {
        patience?: number | undefined;
        fetch?: typeof globalThis.fetch | undefined;
    });
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
    send(path: string, body: unknown, options?: CommandOptions): Promise<Accepted>;
    /**
     * Sends a command and waits until its operation has ended. Usually this is one request. An
     * operation that was rejected has ended, too: see its `success` and `code`.
     *
     * @param {string} path
     * @param {unknown} body
     * @param {CommandOptions} [options]
     * @returns {Promise<Operation>}
     */
    execute(path: string, body: unknown, options?: CommandOptions): Promise<Operation>;
    /**
     * Waits until an operation has ended.
     *
     * @param {string} location The location from its acceptance, or its address.
     * @param {Abortable} [options]
     * @returns {Promise<Operation>}
     * @throws {StillOpenError} It did not end before `patience` ended.
     */
    wait(location: string, options?: Abortable): Promise<Operation>;
    /**
     * Reads an operation as it is now.
     *
     * @param {string} location
     * @param {Abortable} [options]
     * @returns {Promise<Operation>}
     */
    operation(location: string, options?: Abortable): Promise<Operation>;
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
    cancel(location: string, options?: Abortable): Promise<Accepted>;
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
    events(location: string, { user_id, ...options }?: StreamOptions): AsyncGenerator<Event, void>;
    /**
     * Yields the pages of a list of operations, the newest first.
     *
     * @param {Filter} [filter]
     * @param {Abortable} [options]
     * @returns {AsyncGenerator<ListedOperationPage, void>}
     */
    operations(filter?: Filter, options?: Abortable): AsyncGenerator<ListedOperationPage, void>;
    /**
     * Reads, for each type of command, its rate, ends, latency and open operations.
     *
     * @param {{ window?: number } & Abortable} [options] `window` is the time in seconds.
     * @returns {Promise<OperationStatistics>}
     */
    statistics({ window, ...options }?: {
        window?: number;
    } & Abortable): Promise<OperationStatistics>;
    /**
     * Reads a resource, no older than `position`; undefined if it does not exist.
     *
     * @template [T=any]
     * @param {string} path
     * @param {{ position?: string | null } & Abortable} [options]
     * @returns {Promise<T | undefined>}
     */
    read<T = any>(path: string, { position, ...options }?: {
        position?: string | null;
    } & Abortable): Promise<T | undefined>;
    #private;
}
import type { CommandOptions } from './types.js';
import type { Accepted } from './types.js';
import type { Operation } from './types.js';
import type { Abortable } from './types.js';
import type { StreamOptions } from './types.js';
import type { Event } from './types.js';
import type { Filter } from './types.js';
import type { ListedOperationPage } from './types.js';
import type { OperationStatistics } from './types.js';
