//! What the write process hosts, as a library: tools go by the same list. The process itself is `main.rs`.

pub mod contexts;
