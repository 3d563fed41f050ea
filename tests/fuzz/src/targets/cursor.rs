//! Parameters of lists: cursor and limit. `factline-read` compares the texts in a cursor with the
//! types of its list; its own tests try these, on a database.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use factline_http::page;

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "cursor",
    most_bytes: 64 << 10,
    seeds,
    memory_of_byte: 0,
    read,
};

/// Reads the input as the text of a cursor, and also as its content.
fn read(input: &[u8]) {
    let encoded = URL_SAFE_NO_PAD.encode(input);
    let raw = std::str::from_utf8(input).unwrap_or_default();
    for text in [raw, &encoded] {
        match page::after::<(String, Vec<String>)>(Some(text)) {
            Ok(read) => assert!(read.is_some()),
            Err(problem) => assert_eq!(problem.errors().len(), 1),
        }
        if let Ok(limit) = page::limit(Some(text), 20, 100) {
            assert!((1..=100).contains(&limit));
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let content = br#"["0a1b2c",["17","1997-01-31","Tea"]]"#.to_vec();
    let text = URL_SAFE_NO_PAD.encode(&content).into_bytes();
    vec![text, content, b"20".to_vec()]
}
