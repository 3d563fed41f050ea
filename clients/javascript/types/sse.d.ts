/**
 * Server-sent events, parsed from the bytes of a response.
 *
 * `EventSource` is not used, although browsers have it: it takes no signal, shows neither the
 * status nor the problem of a refusal, sends no headers of the caller, does not notice a silent
 * connection, and Node.js does not have it. So both use this parser, which follows the standard
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
 *
 * @typedef {object} ServerEvent
 * @property {string} id The last id that the stream has named, up to this event.
 * @property {string} type The name of the event, or `message`.
 * @property {string} data The lines of data.
 */
/** A parser of one stream. An event whose last line is missing is never returned. */
export class Parser {
    /** @param {string} [lastEventId] The last id of the connection before. */
    constructor(lastEventId?: string);
    /** The id from which a client reconnects, also if its event had no data. */
    lastEventId: string;
    /**
     * Milliseconds after which a client reconnects, if the stream says so.
     * @type {number | undefined}
     */
    retry: number | undefined;
    /**
     * Reads the next bytes, and returns the events that they complete.
     *
     * @param {Uint8Array} bytes
     * @returns {ServerEvent[]}
     */
    push(bytes: Uint8Array): ServerEvent[];
    #private;
}
/**
 * Server-sent events, parsed from the bytes of a response.
 *
 * `EventSource` is not used, although browsers have it: it takes no signal, shows neither the
 * status nor the problem of a refusal, sends no headers of the caller, does not notice a silent
 * connection, and Node.js does not have it. So both use this parser, which follows the standard
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
 */
export type ServerEvent = {
    /**
     * The last id that the stream has named, up to this event.
     */
    id: string;
    /**
     * The name of the event, or `message`.
     */
    type: string;
    /**
     * The lines of data.
     */
    data: string;
};
