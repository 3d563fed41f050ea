//! Hints in the address of an operation.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use factline_tracker::hint;

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "hint",
    most_bytes: 64 << 10,
    seeds,
    memory_of_byte: 0,
    read,
};

/// Reads the input as the text of a hint, and also as its content.
fn read(input: &[u8]) {
    let encoded = URL_SAFE_NO_PAD.encode(input);
    let raw = std::str::from_utf8(input).unwrap_or_default();
    for text in [raw, &encoded] {
        if let Some(record) = hint::read(text) {
            assert!(record.offset >= 0 && record.offset.checked_add(1).is_some());
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let content = b"ordering.order.commands/7@90071992547".to_vec();
    vec![URL_SAFE_NO_PAD.encode(&content).into_bytes(), content]
}
