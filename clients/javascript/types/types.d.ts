/**
 * The values that the client takes and returns. Those of the wire come from the OpenAPI document,
 * and have its names.
 */
export type Schemas = import("../types/api.js").components["schemas"];
/**
 * The values that the client takes and returns. Those of the wire come from the OpenAPI document,
 * and have its names.
 */
export type Requests = import("../types/api.js").operations;
/**
 * The values that the client takes and returns. Those of the wire come from the OpenAPI document,
 * and have its names.
 */
export type Operation = Schemas["Operation"];
/**
 * The values that the client takes and returns. Those of the wire come from the OpenAPI document,
 * and have its names.
 */
export type OperationEvent = Schemas["OperationEvent"];
/**
 * The values that the client takes and returns. Those of the wire come from the OpenAPI document,
 * and have its names.
 */
export type ListedOperation = Schemas["ListedOperation"];
/**
 * The values that the client takes and returns. Those of the wire come from the OpenAPI document,
 * and have its names.
 */
export type ListedOperationPage = Schemas["ListedOperationPage"];
/**
 * The values that the client takes and returns. Those of the wire come from the OpenAPI document,
 * and have its names.
 */
export type OperationStatistics = Schemas["OperationStatistics"];
/**
 * The values that the client takes and returns. Those of the wire come from the OpenAPI document,
 * and have its names.
 */
export type Problem = Schemas["Problem"] & ProblemOfCommand;
/**
 * The values that the client takes and returns. Those of the wire come from the OpenAPI document,
 * and have its names.
 */
export type State = Operation["state"];
/**
 * The parameters of a list of operations: `state`, `command`, `code`, `resource`, `user_id`,
 * `from`, `to`, `limit`, `count`, and `after` to continue.
 */
export type Filter = NonNullable<Requests["listOperations"]["parameters"]["query"]>;
/**
 * Members that only a problem with a command has.
 */
export type ProblemOfCommand = {
    /**
     * `not_accepted`, or `unknown`.
     */
    outcome?: string | undefined;
    /**
     * The operation's address if the command was accepted.
     */
    operation?: string | undefined;
    /**
     * The resource's address.
     */
    resource?: string | undefined;
};
/**
 * A transition of an operation, or `operations_reset`: changes after the caller's last event are
 * not kept any more. Then list what you follow, and go on.
 */
export type Event = {
    id: string;
    type: `operation_${State}`;
    data: OperationEvent;
} | {
    id: string;
    type: "operations_reset";
    data: {
        reason: string;
    };
};
/**
 * The acceptance of a command. Addresses are relative to the origin.
 */
export type Accepted = {
    /**
     * The operation, such as `operations/7`.
     */
    operation: string;
    /**
     * The resource that the command addresses, such as `people/9`.
     */
    resource: string;
    /**
     * Address of the operation's status, to be used unchanged.
     */
    location: string;
    /**
     * Milliseconds that the service suggests before the first poll.
     */
    retryAfter?: number | undefined;
};
export type Abortable = {
    /**
     * Ends the call, which rejects with the reason of the signal.
     */
    signal?: AbortSignal | undefined;
};
/**
 * Conditions of a command.
 */
export type OwnCommandOptions = {
    /**
     * `POST` if it is not given.
     */
    method?: "POST" | "PUT" | undefined;
    /**
     * The idempotency key: 1 to 255 visible ASCII characters that no other
     * command uses. Give it if the sender persists the key, so that a retry after the sender's own
     * crash is the same operation. Without it each submission has its own key.
     */
    key?: string | undefined;
    /**
     * Sends no key: for a command that has no effect when it is
     * accepted a second time.
     */
    repeatable?: boolean | undefined;
    /**
     * Rejects the command as `version_conflict` unless the
     * aggregate has this version when the command is decided. 0: it must not exist yet.
     */
    expectedVersion?: number | undefined;
    /**
     * Ends the command as `timed_out` unless it is decided within
     * these milliseconds after its acceptance: from 1 to 86,400,000 (a day).
     */
    timeToLive?: number | undefined;
};
/**
 * Conditions of a command.
 */
export type CommandOptions = OwnCommandOptions & Abortable;
export type OwnStreamOptions = {
    /**
     * The id of the last event that the caller has.
     */
    after?: string | undefined;
    /**
     * The user whose operations a stream over all has.
     */
    user_id?: string | undefined;
    /**
     * Called each time the service has begun to send: what happens from
     * then on is in the stream.
     */
    onOpen?: (() => void) | undefined;
};
export type StreamOptions = OwnStreamOptions & Abortable;
