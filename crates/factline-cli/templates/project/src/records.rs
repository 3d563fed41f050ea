//! The types that the build makes from `schemas/`.

include!(concat!(env!("OUT_DIR"), "/records.rs"));
