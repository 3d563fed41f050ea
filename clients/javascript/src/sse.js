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
  #decoder = new TextDecoder()
  /** The characters of the incomplete line. */
  #rest = ''
  #afterReturn = false
  #type = ''
  /** @type {string[]} */
  #data = []
  /** The last id that was named: that of the next event, if it names none. */
  #named = ''

  /** The id from which a client reconnects, also if its event had no data. */
  lastEventId = ''

  /**
   * Milliseconds after which a client reconnects, if the stream says so.
   * @type {number | undefined}
   */
  retry

  /** @param {string} [lastEventId] The last id of the connection before. */
  constructor(lastEventId = '') {
    this.#named = this.lastEventId = lastEventId
  }

  /**
   * Reads the next bytes, and returns the events that they complete.
   *
   * @param {Uint8Array} bytes
   * @returns {ServerEvent[]}
   */
  push(bytes) {
    let text = this.#decoder.decode(bytes, { stream: true })
    if (text === '') return []
    // CR LF is one end of a line, also if a chunk ends between the two.
    if (this.#afterReturn && text.startsWith('\n')) text = text.slice(1)
    this.#afterReturn = text === '' ? false : text.endsWith('\r')
    const lines = (this.#rest + text).split(/\r\n|\n|\r/)
    this.#rest = lines.pop() ?? ''
    return lines.flatMap((line) => this.#line(line))
  }

  /**
   * @param {string} line
   * @returns {ServerEvent[]}
   */
  #line(line) {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    // A comment begins with a colon, and has the empty name.
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'data') this.#data.push(value)
    if (name === 'event') this.#type = value
    if (name === 'id' && !value.includes('\0')) this.#named = value
    if (name === 'retry' && /^\d+$/.test(value)) this.retry = Number(value)
    return []
  }

  /** @returns {ServerEvent[]} */
  #dispatch() {
    const event = { id: this.#named, type: this.#type || 'message', data: this.#data.join('\n') }
    const hasData = this.#data.length > 0
    this.lastEventId = this.#named
    this.#type = ''
    this.#data = []
    return hasData ? [event] : []
  }
}
