/**
 * A client of Factline's HTTP interface: send a command, wait for its operation, read its result,
 * follow operations. It needs `fetch` and web streams, and nothing else.
 *
 * The client has no list of commands or resources: its caller supplies paths and bodies.
 *
 * @module
 */

export { ALL, Client } from './client.js'
export {
  FactlineError,
  RefusedError,
  StillOpenError,
  UnavailableError,
  UnexpectedError,
  UnknownError,
  UnsendableError,
} from './errors.js'
export * from './types.js'
