/** The types of the wire, generated from the OpenAPI document by tools/types.js. */

export interface paths {
    "/operations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists commands, the newest first */
        get: operations["listOperations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/operations/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Streams the states of all commands
         * @description Without an id, the stream begins now. It goes on over restarts and on any instance. Changes are kept for a day. If those after the client's last event are not kept, the event `operations_reset` comes first, and the client should list what it follows.
         */
        get: operations["streamOperations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/operations/statistics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns rates, outcomes and times by type of command */
        get: operations["getOperationStatistics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/operations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns the status of a command
         * @description After a 202, this is never 404 while the operation is kept. An operation that ended long ago is deleted. Then the response is 410 if the id has a time (UUIDv7), and 404 otherwise. If it is not yet certain whether the operation exists, the response is 503.
         */
        get: operations["getOperation"];
        put?: never;
        post?: never;
        /**
         * Asks for the cancellation of a command
         * @description A command that is not decided yet ends as `cancelled`. The process of a running command undoes what it has done, and the command ends as `cancelled` later; or the process refuses. The same request again is the same operation.
         */
        delete: operations["cancelOperation"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/operations/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Streams the states of a command
         * @description The id of an event is the state. A browser's `EventSource` stops at the 204 that it gets when it reconnects after the end.
         */
        get: operations["streamOperation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The addresses for what a client does next. */
        AcceptedCancel: {
            /** @description The operation of this request. */
            operation: {
                /** @description The path of its address on this origin. */
                href: string;
                id: string;
            };
            /** @description The resource of the command. It is absent if its type has no address. */
            resource?: {
                /** @description The path of its address on this origin. */
                href: string;
                id: string;
            };
        };
        /** @description Statistics of one type of command. */
        CommandStatistics: {
            /**
             * Format: int64
             * @description Commands accepted in that time.
             */
            accepted: number;
            /** @description Of those accepted, by their end. */
            ended: components["schemas"]["EndCounts"];
            /** @description The type of the command, or the name of the deadline. */
            name: string;
            /**
             * Format: date-time
             * @description The acceptance of the oldest pending command.
             */
            oldest_pending: string | null;
            /**
             * Format: int64
             * @description Commands that are pending, of whatever age.
             */
            pending: number;
            /**
             * Format: double
             * @description Commands accepted per second.
             */
            per_second: number;
            /**
             * Format: int64
             * @description Workflows that are running, of whatever age.
             */
            running: number;
            seconds: components["schemas"]["Percentiles"] | null;
            visible_seconds: components["schemas"]["Percentiles"] | null;
        };
        /** @description Numbers of operations by their end. */
        EndCounts: {
            /** Format: int64 */
            cancelled: number;
            /** Format: int64 */
            completed: number;
            /** Format: int64 */
            failed: number;
            /** Format: int64 */
            rejected: number;
            /** Format: int64 */
            timed_out: number;
        };
        /** @description An operation in a list. */
        ListedOperation: {
            /** @description The stable code of a refusal or failure. */
            code: string | null;
            /**
             * Format: date-time
             * @description The time of acceptance.
             */
            created_at: string;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /** @enum {string} */
            kind: "command" | "deadline";
            /** @description The type of the command, or the name of the deadline. */
            name: string;
            /** @description Set if the operation should have ended by now. */
            overdue: boolean;
            /**
             * Format: uuid
             * @description The operation whose fact led to this one.
             */
            parent: string | null;
            /** @description The code's explanation, for people. */
            reason: string | null;
            /** @description The address of the resource that the command is about, relative to the origin. */
            resource: string | null;
            /**
             * Format: uuid
             * @description The operation that this one repeats.
             */
            retry_of: string | null;
            /**
             * Format: uuid
             * @description The operation that began the workflow.
             */
            root: string | null;
            /** @enum {string} */
            state: "pending" | "running" | "completed" | "rejected" | "failed" | "timed_out" | "cancelled";
            /** @description Null until the operation has ended. */
            success: boolean | null;
            /**
             * Format: date-time
             * @description The time of the current state.
             */
            updated_at: string;
            /** @description The user who sent the command. */
            user_id: string;
        };
        ListedOperationPage: {
            items: components["schemas"]["ListedOperation"][];
            /** @description The value of `after` for the next page; null on the last one. */
            next: string | null;
            total?: components["schemas"]["Total"];
        };
        /** @description An operation as clients see it. */
        Operation: {
            /**
             * Format: int64
             * @description The number of this attempt: 1, or one more than that of the operation that it repeats. Set
             *     on the requested operation only.
             */
            attempt?: number | null;
            children: components["schemas"]["Operation"][];
            /** @description Set on the requested operation if it has more descendants than are shown. */
            children_truncated?: boolean;
            /** @description The stable code of a refusal or failure. */
            code: string | null;
            /**
             * Format: date-time
             * @description The time of acceptance.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description The time after which the command is no longer wanted. Its handler then ends it as
             *     `timed_out`.
             */
            expires_at: string | null;
            /** @description The states that it has reached, in their order. */
            history: components["schemas"]["Reached"][];
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /** @enum {string} */
            kind: "command" | "deadline";
            /** @description The type of the command, or the name of the deadline. */
            name: string;
            /**
             * @description Set if the operation should have ended by now. The state changes only when the handler has
             *     decided.
             */
            overdue: boolean;
            /**
             * Format: uuid
             * @description The operation whose fact led to this one.
             */
            parent: string | null;
            /** @description The value of `Factline-Position` for a read that shows what the operation wrote. */
            position: string | null;
            /** @description The code's explanation, for people. */
            reason: string | null;
            /** @description The address of the resource that the command is about, relative to the origin. */
            resource: string | null;
            /** @description The operations that repeat this one. Set on the requested operation only. */
            retries?: string[];
            /**
             * Format: uuid
             * @description The operation that this one repeats.
             */
            retry_of: string | null;
            /**
             * Format: uuid
             * @description The operation that began the workflow.
             */
            root: string | null;
            /** @enum {string} */
            state: "pending" | "running" | "completed" | "rejected" | "failed" | "timed_out" | "cancelled";
            /**
             * @description The steps of the workflow that it began, in their order. Set on the requested operation
             *     only, if the contract lists them.
             */
            steps?: components["schemas"]["WorkflowStep"][] | null;
            /** @description Null until the operation has ended. */
            success: boolean | null;
            /**
             * Format: date-time
             * @description The time of the current state.
             */
            updated_at: string;
            /** @description The user who sent the command. */
            user_id: string;
            /**
             * Format: int64
             * @description The resource's version after the decision.
             */
            version: number | null;
            /**
             * @description For each view that consumes its events, whether they are visible there yet. Only with
             *     `views=true`, and empty until the operation has a position.
             */
            visible?: {
                [key: string]: boolean;
            } | null;
        };
        /** @description The data of an event. Its name is `operation_` and the state. */
        OperationEvent: {
            /**
             * Format: date-time
             * @description The time of the state.
             */
            at: string;
            /** @description The stable code of a refusal or failure. */
            code: string | null;
            /**
             * Format: uuid
             * @description The operation.
             */
            id: string;
            /** @description The type of the command, or the name of the deadline. */
            name: string;
            /**
             * Format: uuid
             * @description The operation whose fact led to this one.
             */
            parent: string | null;
            /** @description The value of `Factline-Position` for a read that shows what the operation wrote. */
            position: string | null;
            /** @description The code's explanation, for people. */
            reason: string | null;
            /** @description The address of the resource that the command is about, relative to the origin. */
            resource: string | null;
            /**
             * Format: uuid
             * @description The operation that began the workflow.
             */
            root: string | null;
            /** @enum {string} */
            state: "pending" | "running" | "completed" | "rejected" | "failed" | "timed_out" | "cancelled";
            /** @description Null until the operation has ended. */
            success: boolean | null;
            /** @description The user who sent the command. */
            user_id: string;
            /**
             * Format: int64
             * @description The resource's version after the decision.
             */
            version: number | null;
        };
        /** @description Statistics of the newest operations. */
        OperationStatistics: {
            /** @description A figure for each type of command that was accepted in that time or is open. */
            commands: components["schemas"]["CommandStatistics"][];
            /**
             * Format: date-time
             * @description The time since which the operations were accepted.
             */
            since: string;
            /**
             * Format: date-time
             * @description The time of the statistics.
             */
            until: string;
        };
        /** @description Percentiles of a time. */
        Percentiles: {
            /**
             * Format: double
             * @description Half of the operations took at most this time.
             */
            p50: number;
            /**
             * Format: double
             * @description Ninety-nine in a hundred took at most this time.
             */
            p99: number;
        };
        /** @description A problem (RFC 9457). Programs use `type` and `code`. */
        Problem: {
            /** @description A stable code, finer than the type. */
            code?: string;
            /** @description A description of this occurrence, for people. */
            detail?: string;
            /** @description The errors of the request. */
            errors?: {
                /** @description Description of the error. */
                detail: string;
                /** @description Name of a parameter of path or query, or of a header. */
                parameter?: string;
                /** @description JSON pointer into the body; the empty pointer is the whole body. */
                pointer?: string;
            }[];
            /**
             * Format: uri
             * @description Identifies this occurrence in the log of the service.
             */
            instance?: string;
            /** @description The status of the response. */
            status: number;
            /** @description The title of the type. */
            title: string;
            /**
             * Format: uri
             * @description The type of the problem.
             */
            type: string;
        };
        /** @description A state that an operation has reached. */
        Reached: {
            /**
             * Format: date-time
             * @description The time at which the record was written.
             */
            at: string;
            /** @description The stable code of a refusal or failure. */
            code: string | null;
            /** @description The code's explanation, for people. */
            reason: string | null;
            /** @description The record in Kafka, as `topic/partition@offset`, without the prefix of the topic. */
            record: string;
            /** @enum {string} */
            state: "pending" | "running" | "completed" | "rejected" | "failed" | "timed_out" | "cancelled";
        };
        /** @description The number of operations that match a filter. */
        Total: {
            /**
             * Format: int64
             * @description The number, or the largest that is counted.
             */
            count: number;
            /** @description Not set if there are more. */
            exact: boolean;
        };
        /** @description A step of a workflow. */
        WorkflowStep: {
            /** @description The type of its command. */
            command: string;
            /**
             * Format: uuid
             * @description The newest operation of that command; null until the process has sent it.
             */
            operation: string | null;
            /** @enum {string} */
            state: "pending" | "running" | "completed" | "rejected" | "failed" | "timed_out" | "cancelled" | "remaining" | "skipped";
        };
    };
    responses: {
        /** @description The service failed: [`internal`](https://factline.dev/problems/internal). */
        internal: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    status?: 500;
                    /** @enum {unknown} */
                    type?: "https://factline.dev/problems/internal";
                };
            };
        };
        /** @description The request is not valid: [`invalid-request`](https://factline.dev/problems/invalid-request). */
        "invalid-request": {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    status?: 400;
                    /** @enum {unknown} */
                    type?: "https://factline.dev/problems/invalid-request";
                };
            };
        };
        /** @description The request was forwarded in a loop: [`loop-detected`](https://factline.dev/problems/loop-detected). */
        "loop-detected": {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    status?: 508;
                    /** @enum {unknown} */
                    type?: "https://factline.dev/problems/loop-detected";
                };
            };
        };
        /** @description The resource was not found: [`not-found`](https://factline.dev/problems/not-found). */
        "not-found": {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    status?: 404;
                    /** @enum {unknown} */
                    type?: "https://factline.dev/problems/not-found";
                };
            };
        };
        /** @description The client has this representation: its tag is in `If-None-Match`. */
        "not-modified": {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                ETag: components["headers"]["ETag"];
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description The operation is older than operations are kept: [`operation-expired`](https://factline.dev/problems/operation-expired). */
        "operation-expired": {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    status?: 410;
                    /** @enum {unknown} */
                    type?: "https://factline.dev/problems/operation-expired";
                };
            };
        };
        /** @description The operation has ended already: [`too-late`](https://factline.dev/problems/too-late). The operation cannot be cancelled: [`not-cancellable`](https://factline.dev/problems/not-cancellable). */
        "too-late.not-cancellable": {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    status?: 409;
                    /** @enum {unknown} */
                    type?: "https://factline.dev/problems/too-late" | "https://factline.dev/problems/not-cancellable";
                };
            };
        };
        /** @description The caller sends too many requests: [`too-many-requests`](https://factline.dev/problems/too-many-requests). */
        "too-many-requests": {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    status?: 429;
                    /** @enum {unknown} */
                    type?: "https://factline.dev/problems/too-many-requests";
                };
            };
        };
        /** @description The service is temporarily unavailable: [`unavailable`](https://factline.dev/problems/unavailable). */
        unavailable: {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                "Retry-After": components["headers"]["Retry-After"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    status?: 503;
                    /** @enum {unknown} */
                    type?: "https://factline.dev/problems/unavailable";
                };
            };
        };
        /** @description An upstream service failed: [`upstream-failed`](https://factline.dev/problems/upstream-failed). */
        "upstream-failed": {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    status?: 502;
                    /** @enum {unknown} */
                    type?: "https://factline.dev/problems/upstream-failed";
                };
            };
        };
        /** @description An upstream service did not answer in time: [`upstream-timeout`](https://factline.dev/problems/upstream-timeout). */
        "upstream-timeout": {
            headers: {
                "Cache-Control": components["headers"]["Cache-Control"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"] & {
                    /** @enum {unknown} */
                    status?: 504;
                    /** @enum {unknown} */
                    type?: "https://factline.dev/problems/upstream-timeout";
                };
            };
        };
    };
    parameters: {
        /** @description The `ETag` of a representation that the client has. If it is still the same, the response is 304. */
        "If-None-Match": string;
    };
    requestBodies: never;
    headers: {
        /** @description `no-cache`: a cache must revalidate the response each time. `no-store`: a cache must not keep it. */
        "Cache-Control": string;
        /** @description The tag of this representation, for `If-None-Match`. */
        ETag: string;
        /** @description The address of the operation. Its query is opaque. */
        Location: string;
        /** @description Seconds to wait before the next request. */
        "Retry-After": number;
        /** @description The address of the operation, relative to the origin. */
        "X-Operation": string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listOperations: {
        parameters: {
            query?: {
                /** @description Commands of this user. */
                user_id?: string;
                /** @description Commands in this state. */
                state?: "pending" | "running" | "completed" | "rejected" | "failed" | "timed_out" | "cancelled";
                /** @description Commands of this type. */
                command?: string;
                /** @description Commands that were refused or failed with this code. */
                code?: string;
                /** @description Commands to the resource at this address, as in `X-Resource`. */
                resource?: string;
                /** @description Commands accepted at this time or later. */
                from?: string;
                /** @description Commands accepted before this time. */
                to?: string;
                /** @description The value of `next` of the page before. */
                after?: string;
                /** @description The number of operations on a page. */
                limit?: number;
                /** @description Adds `total`, the number of all that match. More than 10,000 are not counted. */
                count?: boolean;
            };
            header?: {
                /** @description The `ETag` of a representation that the client has. If it is still the same, the response is 304. */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of operations. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListedOperationPage"];
                };
            };
            304: components["responses"]["not-modified"];
            400: components["responses"]["invalid-request"];
            429: components["responses"]["too-many-requests"];
            500: components["responses"]["internal"];
            502: components["responses"]["upstream-failed"];
            503: components["responses"]["unavailable"];
            504: components["responses"]["upstream-timeout"];
            508: components["responses"]["loop-detected"];
        };
    };
    streamOperations: {
        parameters: {
            query?: {
                /** @description Only operations of this user. */
                user_id?: string;
                /** @description The same as `Last-Event-ID`, for clients that cannot set a header. */
                after?: string;
            };
            header?: {
                /** @description The id of the last event that the client has. The stream goes on after it. */
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Server-sent events of all operations. The event of a state is `operation_` and the state, such as `operation_completed`. Its data is JSON of the schema. Each transition is sent once and in order. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["OperationEvent"];
                };
            };
            400: components["responses"]["invalid-request"];
            429: components["responses"]["too-many-requests"];
            500: components["responses"]["internal"];
            502: components["responses"]["upstream-failed"];
            503: components["responses"]["unavailable"];
            504: components["responses"]["upstream-timeout"];
            508: components["responses"]["loop-detected"];
        };
    };
    getOperationStatistics: {
        parameters: {
            query?: {
                /** @description Seconds up to now. If there were very many commands, the time is shorter: see `since`. */
                window?: number;
            };
            header?: {
                /** @description The `ETag` of a representation that the client has. If it is still the same, the response is 304. */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The statistics. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OperationStatistics"];
                };
            };
            304: components["responses"]["not-modified"];
            400: components["responses"]["invalid-request"];
            429: components["responses"]["too-many-requests"];
            500: components["responses"]["internal"];
            502: components["responses"]["upstream-failed"];
            503: components["responses"]["unavailable"];
            504: components["responses"]["upstream-timeout"];
            508: components["responses"]["loop-detected"];
        };
    };
    getOperation: {
        parameters: {
            query?: {
                /** @description The query of the address in `Location`. It makes the response faster for an unknown operation. */
                at?: string;
                /** @description Adds `visible`: the views that show what the operation wrote. */
                views?: boolean;
            };
            header?: {
                /** @description `wait=N` (RFC 7240): the response waits, for at most N seconds, until the operation has ended. With `If-None-Match` it waits until there is another representation. */
                Prefer?: string;
                /** @description The `ETag` of a representation that the client has. If it is still the same, the response is 304. */
                "If-None-Match"?: components["parameters"]["If-None-Match"];
            };
            path: {
                /** @description The operation. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The operation. `Retry-After` is there until the operation has ended, and `X-Resource` if its resource has an address. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    ETag: components["headers"]["ETag"];
                    /** @description The preference `wait` that was followed, with the longest time that this response could take. */
                    "Preference-Applied"?: string;
                    /** @description Seconds to wait before the next request. */
                    "Retry-After"?: number;
                    /** @description The address of the resource that the command is about, relative to the origin. */
                    "X-Resource"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Operation"];
                };
            };
            304: components["responses"]["not-modified"];
            400: components["responses"]["invalid-request"];
            404: components["responses"]["not-found"];
            410: components["responses"]["operation-expired"];
            429: components["responses"]["too-many-requests"];
            500: components["responses"]["internal"];
            502: components["responses"]["upstream-failed"];
            503: components["responses"]["unavailable"];
            504: components["responses"]["upstream-timeout"];
            508: components["responses"]["loop-detected"];
        };
    };
    cancelOperation: {
        parameters: {
            query?: {
                /** @description The query of the address in `Location`. It makes the response faster for an unknown operation. */
                at?: string;
            };
            header?: never;
            path: {
                /** @description The operation to cancel. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request is in the log. Its own operation says what becomes of it: `completed`, if the command is cancelled or its process has begun to cancel it, or `rejected`. */
            202: {
                headers: {
                    Location: components["headers"]["Location"];
                    "Retry-After": components["headers"]["Retry-After"];
                    "X-Operation": components["headers"]["X-Operation"];
                    /** @description The address of the resource that the command is about, relative to the origin. */
                    "X-Resource"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AcceptedCancel"];
                };
            };
            400: components["responses"]["invalid-request"];
            404: components["responses"]["not-found"];
            409: components["responses"]["too-late.not-cancellable"];
            410: components["responses"]["operation-expired"];
            429: components["responses"]["too-many-requests"];
            500: components["responses"]["internal"];
            502: components["responses"]["upstream-failed"];
            503: components["responses"]["unavailable"];
            504: components["responses"]["upstream-timeout"];
            508: components["responses"]["loop-detected"];
        };
    };
    streamOperation: {
        parameters: {
            query?: {
                /** @description The query of the address in `Location`. It makes the response faster for an unknown operation. */
                at?: string;
            };
            header?: {
                /** @description The id of the last event that the client has. The stream goes on after it. */
                "Last-Event-ID"?: string;
            };
            path: {
                /** @description The operation. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Server-sent events of the operation, until it has ended. The event of a state is `operation_` and the state, such as `operation_completed`. Its data is JSON of the schema. Each transition is sent once and in order. */
            200: {
                headers: {
                    "Cache-Control": components["headers"]["Cache-Control"];
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["OperationEvent"];
                };
            };
            /** @description The client has the last event already. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["invalid-request"];
            404: components["responses"]["not-found"];
            410: components["responses"]["operation-expired"];
            429: components["responses"]["too-many-requests"];
            500: components["responses"]["internal"];
            502: components["responses"]["upstream-failed"];
            503: components["responses"]["unavailable"];
            504: components["responses"]["upstream-timeout"];
            508: components["responses"]["loop-detected"];
        };
    };
}
