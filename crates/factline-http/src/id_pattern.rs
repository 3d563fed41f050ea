//! Patterns of ids in paths.
//!
//! A pattern is published in the OpenAPI document, where it is an expression of ECMA-262. So it may
//! contain only what has the same meaning there and in the `regex` crate: characters, classes such
//! as `[A-Z0-9-]`, groups, alternatives and quantifiers.

use regex::Regex;

/// Compiles a pattern to an expression that matches only whole texts. The error says what is wrong
/// with the pattern.
pub fn compile(pattern: &str) -> Result<Regex, String> {
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
    Ok(anchored)
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
            let error = compile(pattern).unwrap_err();
            assert!(error.contains(pattern) && error.contains(why), "{error}");
        }
        for pattern in [
            r"[A-Z]{2}\.[0-9]+",
            r"(?:a|b)-(c|d)",
            r"[\]\\a]x",
            "ab?c*d{2,3}",
        ] {
            assert!(compile(pattern).is_ok(), "{pattern}");
        }
    }
}
