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
    constructor(request: string, text: string, { problem, cause }?: {
        problem?: Problem;
        cause?: unknown;
    });
    /** The method and path. */
    request: string;
    /** The problem document (RFC 9457) of the service's response, if there is one. */
    problem: Problem | undefined;
}
/** The service refuses the request, and a retry would not change that. */
export class RefusedError extends FactlineError {
    /**
     * @param {string} request
     * @param {Problem} problem
     */
    constructor(request: string, problem: Problem);
    /** The problem document (RFC 9457) of the response. */
    problem: Problem;
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
    constructor(request: string, waited: number, failure: {
        problem?: Problem;
        cause?: unknown;
    });
    /** Time during which the request was retried, in milliseconds. */
    waited: number;
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
    constructor(request: string, key: string | undefined, failure: {
        problem?: Problem;
        cause?: unknown;
    });
    /** The idempotency key of all attempts; undefined if the command was sent as repeatable. */
    key: string | undefined;
    /** The operation's address if the command was accepted, such as `operations/7`. */
    operation: string | undefined;
    /** The resource's address. */
    resource: string | undefined;
}
/** The operation did not end before `patience` ended. */
export class StillOpenError extends FactlineError {
    /**
     * @param {string} request
     * @param {Operation} operation
     * @param {number} waited
     */
    constructor(request: string, operation: Operation, waited: number);
    /** The operation in the last response. */
    operation: {
        attempt?: number | null;
        children: import("../types/api.js").components["schemas"]["Operation"][];
        children_truncated?: boolean;
        code: string | null;
        created_at: string;
        expires_at: string | null;
        history: import("../types/api.js").components["schemas"]["Reached"][];
        id: string;
        kind: "command" | "deadline";
        name: string;
        overdue: boolean;
        parent: string | null;
        position: string | null;
        reason: string | null;
        resource: string | null;
        retries?: string[];
        retry_of: string | null;
        root: string | null;
        state: "pending" | "running" | "completed" | "rejected" | "failed" | "timed_out" | "cancelled";
        steps?: import("../types/api.js").components["schemas"]["WorkflowStep"][] | null;
        success: boolean | null;
        updated_at: string;
        user_id: string;
        version: number | null;
        visible?: {
            [key: string]: boolean;
        } | null;
    };
    /** Time during which the client waited, in milliseconds. */
    waited: number;
}
/** A successful response lacks a header, or its body has an unexpected form. */
export class UnexpectedError extends FactlineError {
}
/** The body cannot be written as JSON, or the address or a header is invalid. */
export class UnsendableError extends FactlineError {
}
import type { Problem } from './types.js';
import type { Operation } from './types.js';
