export * from "./types.js";
export { ALL, Client } from "./client.js";
export { FactlineError, RefusedError, StillOpenError, UnavailableError, UnexpectedError, UnknownError, UnsendableError } from "./errors.js";
