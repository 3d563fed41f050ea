//! The format of an aggregate's id: a UUID, or a text that matches a pattern.

use factline_http::id_pattern;
use regex::Regex;
use uuid::Uuid;

use crate::validate;

/// Maximum number of characters of an id. An id is part of keys, headers and indexes.
pub const MAX_CHARACTERS: usize = 200;

/// The format of an id.
#[derive(Debug, Clone)]
pub enum IdFormat {
    /// A UUID in its usual form.
    Uuid,
    /// A text that matches this pattern from its beginning to its end.
    Text(Regex),
}

impl IdFormat {
    /// Returns the format for an optional pattern. The error says what is wrong with it.
    pub fn new(pattern: Option<&str>) -> Result<Self, String> {
        pattern.map_or(Ok(Self::Uuid), |pattern| {
            id_pattern::compile(pattern).map(Self::Text)
        })
    }

    /// Reads an id. A UUID gets its canonical form. The error is the description of a valid id, to
    /// follow "must be".
    pub fn read(&self, text: &str) -> Result<String, String> {
        let read = match self {
            Self::Uuid => validate::uuid(text).map(|id: Uuid| id.to_string()),
            Self::Text(pattern) => (text.chars().nth(MAX_CHARACTERS).is_none()
                && validate::text(text, false).is_ok()
                && pattern.is_match(text))
            .then(|| text.to_owned()),
        };
        read.ok_or_else(|| self.expected())
    }

    fn expected(&self) -> String {
        match self {
            Self::Uuid => "a UUID".to_owned(),
            Self::Text(pattern) => {
                format!("at most {MAX_CHARACTERS} characters that match {pattern}")
            }
        }
    }
}

impl PartialEq for IdFormat {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Uuid, Self::Uuid) => true,
            (Self::Text(one), Self::Text(other)) => one.as_str() == other.as_str(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pattern: &str) -> IdFormat {
        IdFormat::new(Some(pattern)).unwrap()
    }

    #[test]
    fn uuid_gets_its_canonical_form() {
        let id = "0190a6d2-7c4e-7f3a-8b1d-5e2f9c0a4b67";
        let read = |text: &str| IdFormat::Uuid.read(text);
        assert_eq!(read(&id.to_uppercase()), Ok(id.to_owned()));
        assert_eq!(read(&id.replace('-', "")), Err("a UUID".to_owned()));
    }

    #[test]
    fn whole_text_must_match_the_pattern() {
        let sku = text("[A-Z0-9-]{3,20}");
        for id in ["ABC", "A-1", "---", "ABCDEFGHIJ0123456789"] {
            assert_eq!(sku.read(id).as_deref(), Ok(id));
        }
        for id in [
            "",
            "AB",
            "abc",
            "ABC ",
            "ABC\n",
            "ABCDEFGHIJ0123456789X",
            "A/B",
        ] {
            assert!(sku.read(id).is_err(), "{id:?}");
        }
        let either = text("a|bc");
        assert!(either.read("a").is_ok() && either.read("bc").is_ok());
        assert!(either.read("ac").is_err() && either.read("abc").is_err());
    }

    #[test]
    fn id_is_limited_whatever_its_pattern_allows() {
        let any = text("[^/]+[^/.]");
        assert!(any.read(&"é".repeat(MAX_CHARACTERS)).is_ok());
        assert!(any.read(&"é".repeat(MAX_CHARACTERS + 1)).is_err());
        assert!(any.read("a\u{0}b").is_err() && any.read("a\u{1f}b").is_err());
    }
}
