//! Tests of the whole store, in `tests/`: every process as it is shipped, on dedicated servers.
