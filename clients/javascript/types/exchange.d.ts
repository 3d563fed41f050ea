/**
 * Retries until there is a response that a retry would not change, or until the time is over. Any
 * request may be retried: a read changes nothing, and a command has its key or is repeatable.
 *
 * @param {Call} call
 * @param {number} until
 * @param {{ key?: string }} [command] Given if the request is a command.
 * @returns {Promise<Answer>}
 */
export function sendWithRetries(call: Call, until: number, command?: {
    key?: string;
}): Promise<Answer>;
/**
 * Throws if `fetch` would refuse the address, a header or the body: a retry cannot change that.
 *
 * @param {Call} call
 */
export function checkSendable({ fetch, name, url, signal, ...init }: Call): void;
/**
 * @param {Response} response
 * @returns {Promise<Answer>}
 */
export function answerOf(response: Response): Promise<Answer>;
/** @param {Answer} answer */
export function isTransient({ status }: Answer): boolean;
/**
 * @param {Answer} answer
 * @returns {Failure}
 */
export function failureOf(answer: Answer): Failure;
/**
 * Returns the wait that the service asks for, in milliseconds: seconds or a date, see RFC 9110.
 *
 * @param {Headers} headers
 */
export function retryAfter(headers: Headers): number | undefined;
/**
 * Reads an unsuccessful response. One that is no problem document is converted to one, so that
 * there is always a description.
 *
 * @param {Answer} answer
 * @returns {Problem}
 */
export function problemOf({ status, body }: Answer): Problem;
/**
 * Returns the body of a response whose status is 200.
 *
 * @param {string} request
 * @param {Answer} answer
 */
export function json(request: string, answer: Answer): any;
/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
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
    /**
     * @param {number} [first] Milliseconds.
     * @param {number} [longest]
     */
    constructor(first?: number, longest?: number);
    /**
     * Returns the next wait. No client retries before the wait that the service asked for, and
     * clients do not all retry at once after it.
     *
     * @param {number} [atLeast]
     */
    step(atLeast?: number): number;
    #private;
}
/**
 * One attempt of a request. `AbortSignal.any` and `timeout` would do, but older browsers lack them,
 * and in Node.js 20 such signals may be collected before they abort.
 */
export class Attempt {
    /** @param {Call} call */
    constructor(call: Call);
    /** Sends the request. */
    open(): Promise<Response>;
    /**
     * Awaits a step. If it takes longer than the limit, in milliseconds, the attempt is aborted.
     *
     * @template T
     * @param {number} limit
     * @param {() => Promise<T>} step
     */
    within<T>(limit: number, step: () => Promise<T>): Promise<T>;
    /** Closes the connection, if it is still in use. */
    close(): void;
    #private;
}
/**
 * A request: the options of `fetch`, and the function that sends it.
 */
export type Call = {
    fetch: typeof globalThis.fetch;
    /**
     * The method and path, for errors.
     */
    name: string;
    url: string;
    method: string;
    headers: Record<string, string>;
    body?: string | undefined;
    cache?: RequestCache | undefined;
    signal?: AbortSignal | undefined;
};
/**
 * A complete response.
 */
export type Answer = {
    status: number;
    headers: Headers;
    body: string;
};
/**
 * A request: the options of `fetch`, and the function that sends it.
 */
export type Failure = {
    problem?: Problem | undefined;
    cause?: unknown;
    /**
     * The wait that the service asks for, in milliseconds.
     */
    atLeast?: number | undefined;
    mayBeExecuted: boolean;
};
import type { Problem } from './types.js';
