//! Names, in the forms in which they are written.

use std::str::FromStr;

use anyhow::{Error, Result, ensure};

/// Maximum length of a name, so that topics, groups and tables fit the limits of their servers.
const LENGTH: usize = 40;

/// Rust's keywords, and words that a skeleton uses itself.
const RESERVED: [&str; 58] = [
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "main",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "records",
    "ref",
    "rejection",
    "return",
    "self",
    "static",
    "struct",
    "super",
    "test",
    "tests",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "core",
    "std",
];

/// A name of one or more words, such as *order line*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(Vec<String>);

impl FromStr for Name {
    type Err = Error;

    /// Reads a name of lower-case words between hyphens or underscores.
    fn from_str(text: &str) -> Result<Self> {
        let words: Vec<String> = text.split(['-', '_']).map(ToOwned::to_owned).collect();
        let is_word = |word: &String| {
            word.starts_with(|first: char| first.is_ascii_lowercase())
                && word
                    .bytes()
                    .all(|rest| rest.is_ascii_lowercase() || rest.is_ascii_digit())
        };
        ensure!(
            words.iter().all(is_word) && text.len() <= LENGTH,
            "{text:?} is not a valid name: use lower-case words of letters and digits with hyphens \
             between them, at most {LENGTH} characters"
        );
        ensure!(
            !RESERVED.contains(&text),
            "{text:?} is not a valid name: the word is reserved"
        );
        Ok(Self(words))
    }
}

impl Name {
    /// Returns the name as a module, such as `order_line`.
    pub(super) fn snake(&self) -> String {
        self.0.join("_")
    }

    /// Returns the name as a part of a topic or path, such as `order-line`.
    pub(super) fn kebab(&self) -> String {
        self.0.join("-")
    }

    /// Returns the name as a type, such as `OrderLine`.
    pub(super) fn pascal(&self) -> String {
        self.0.iter().map(|word| capital(word)).collect()
    }

    /// Returns the name as a constant, such as `ORDER_LINE`.
    pub(super) fn constant(&self) -> String {
        self.snake().to_uppercase()
    }

    /// Returns the name in a sentence, such as *order line*.
    pub(super) fn words(&self) -> String {
        self.0.join(" ")
    }

    /// Returns the plural by the common rules of English.
    pub(super) fn plural(&self) -> Self {
        self.with_last(|last| {
            let hisses = ["s", "x", "z", "ch", "sh"]
                .iter()
                .any(|end| last.ends_with(end));
            match last.strip_suffix('y') {
                Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
                _ if hisses => format!("{last}es"),
                _ => format!("{last}s"),
            }
        })
    }

    /// Returns the singular of a regular plural, and any other name unchanged.
    pub(super) fn singular(&self) -> Self {
        self.with_last(|last| {
            let hisses = ["sses", "xes", "zes", "ches", "shes"]
                .iter()
                .any(|end| last.ends_with(end));
            match (last.strip_suffix("ies"), last.strip_suffix('s')) {
                (Some(stem), _) => format!("{stem}y"),
                _ if hisses => last[..last.len() - 2].to_owned(),
                (_, Some(stem)) if !stem.ends_with('s') => stem.to_owned(),
                _ => last.to_owned(),
            }
        })
    }

    fn with_last(&self, change: impl Fn(&str) -> String) -> Self {
        let mut words = self.0.clone();
        if let Some(last) = words.last_mut() {
            *last = change(last);
        }
        Self(words)
    }
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    format!("{}{rest}", first.to_uppercase())
}

/// The name of a record, such as `RenameItem`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordName(pub(super) String);

impl FromStr for RecordName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        ensure!(
            text.starts_with(|first: char| first.is_ascii_uppercase())
                && text.bytes().all(|rest| rest.is_ascii_alphanumeric())
                && text.len() <= LENGTH,
            "{text:?} is not a valid name of a record: write it like RenameItem, with at most \
             {LENGTH} letters and digits"
        );
        Ok(Self(text.to_owned()))
    }
}

impl RecordName {
    /// Returns the name in lower case with an underscore between words, such as `rename_item`.
    pub(super) fn snake(&self) -> String {
        let mut snake = String::new();
        for letter in self.0.chars() {
            if letter.is_ascii_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
        }
        snake
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn name_is_written_in_each_form() {
        let line = name("order-line");
        assert_eq!(line, name("order_line"));
        assert_eq!(
            [
                line.snake(),
                line.kebab(),
                line.pascal(),
                line.constant(),
                line.words()
            ],
            [
                "order_line",
                "order-line",
                "OrderLine",
                "ORDER_LINE",
                "order line"
            ]
        );
        assert_eq!(RecordName("RenameItem".to_owned()).snake(), "rename_item");
    }

    #[test]
    fn plural_and_singular_are_inverse() {
        let pairs = [
            ("item", "items"),
            ("category", "categories"),
            ("day", "days"),
            ("tax", "taxes"),
            ("course", "courses"),
            ("order-line", "order-lines"),
        ];
        for (one, many) in pairs {
            assert_eq!(name(one).plural(), name(many));
            assert_eq!(name(many).singular(), name(one));
        }
        assert_eq!(name("stock").singular(), name("stock"));
    }

    #[test]
    fn invalid_names_are_refused() {
        let long = "a".repeat(41);
        for text in [
            "", "Shop", "7up", "a--b", "a-", "../x", "a b", "match", "test", &long,
        ] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
        for text in ["", "renameItem", "Rename-Item", "Rename Item"] {
            assert!(text.parse::<RecordName>().is_err(), "{text}");
        }
    }
}
