//! The format of an aggregate's id: a UUID, or a text that matches a pattern.
//!
//! The pattern is published in the OpenAPI document, where it is an expression of ECMA-262. So it
//! may contain only what has the same meaning there and in the `regex` crate: characters, classes
//! such as `[A-Z0-9-]`, groups, alternatives and quantifiers.

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
        let Some(pattern) = pattern else {
            return Ok(Self::Uuid);
        };
        let refused = |why: &str| format!("the pattern {pattern} {why}");
        check_portable(pattern).map_err(refused)?;
        let anchored = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
            // The text of a syntax error has several lines; the last one has the cause.
            let text = error.to_string();
            let cause = text.lines().last().unwrap_or_default();
            refused(&format!(
                "is not a regular expression: {}",
                cause.trim_start_matches("error: ")
            ))
        })?;
        if anchored.is_match("") {
            return Err(refused("must not match the empty text"));
        }
        // Clients remove these segments from a URL, however they are written.
        if anchored.is_match(".") || anchored.is_match("..") {
            return Err(refused(
                "must match neither . nor .., which a URL cannot contain",
            ));
        }
        Ok(Self::Text(anchored))
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

/// The characters that a backslash may escape in both dialects.
const SYNTAX: &str = r"^$\.*+?()[]{}|/";

/// Refuses the parts of a pattern that have another meaning in ECMA-262.
fn check_portable(pattern: &str) -> Result<(), &'static str> {
    let mut in_class = false;
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, in_class) {
            ('\\', _) => match characters.next() {
                Some('-') if in_class => {}
                Some(escaped) if SYNTAX.contains(escaped) => {}
                _ => return Err("may have a backslash only before a character of the syntax"),
            },
            ('[', true) => return Err("must not have a [ within a class"),
            ('&' | '-' | '~', true) if characters.peek() == Some(&character) => {
                return Err("must not combine classes");
            }
            ('[', false) => in_class = true,
            (']', true) => in_class = false,
            (']', false) => return Err("must not have a ] outside a class"),
            ('.', false) => return Err("must not have a . outside a class"),
            ('(', false) if characters.peek() == Some(&'?') => {
                characters.next();
                if characters.next() != Some(':') {
                    return Err("may have only plain groups and (?: )");
                }
            }
            _ => {}
        }
    }
    Ok(())
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

    #[test]
    fn invalid_pattern_is_refused_with_its_reason() {
        for (pattern, why) in [
            ("[A-Z", "is not a regular expression"),
            ("[A-Z]*", "must not match the empty text"),
            ("[A-Z.]+", "must match neither . nor .."),
            ("[A-Z]+|", "must not match the empty text"),
            (r"\d+", "a backslash only before a character of the syntax"),
            (r"a\", "a backslash only before a character of the syntax"),
            ("a]", "must not have a ] outside a class"),
            ("a.c", "must not have a . outside a class"),
            ("(?i)abc", "only plain groups"),
            ("(?P<x>a)", "only plain groups"),
            ("[[:alpha:]]", "[ within a class"),
            ("[a-z&&b]", "must not combine classes"),
        ] {
            let error = IdFormat::new(Some(pattern)).unwrap_err();
            assert!(error.contains(pattern) && error.contains(why), "{error}");
        }
        for pattern in [
            r"[A-Z]{2}\.[0-9]+",
            r"(?:a|b)-(c|d)",
            r"[\]\\a]x",
            "ab?c*d{2,3}",
        ] {
            assert!(IdFormat::new(Some(pattern)).is_ok(), "{pattern}");
        }
    }
}
