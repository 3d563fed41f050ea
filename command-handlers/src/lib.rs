//! The contexts of the write process, as a library, so that tools use the same list. The process
//! itself is `main.rs`.

pub mod contexts;
