//! The names of a context, in the forms in which they are written.

use anyhow::{Result, ensure};

/// Rust keywords that would be plausible names of a context.
const KEYWORDS: [&str; 16] = [
    "crate", "dyn", "extern", "final", "impl", "loop", "match", "mod", "move", "override", "self",
    "static", "super", "trait", "type", "use",
];

/// The names that are filled into templates.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// Name of the context, such as `shipping`.
    pub(super) context: String,
    /// Name of the aggregate, such as `parcel`.
    pub(super) aggregate: String,
}

impl Names {
    pub(super) fn new(context: &str, aggregate: &str) -> Result<Self> {
        for name in [context, aggregate] {
            let mut characters = name.chars();
            let is_name = characters
                .next()
                .is_some_and(|first| first.is_ascii_lowercase())
                && characters.all(|rest| rest.is_ascii_lowercase() || rest.is_ascii_digit())
                && !KEYWORDS.contains(&name);
            ensure!(
                is_name,
                "{name:?} is not a valid name: use lower-case letters and digits, and no Rust keyword"
            );
        }
        ensure!(
            aggregate != "rejection",
            "this name is reserved for the file of rejections"
        );
        Ok(Self {
            context: context.to_owned(),
            aggregate: aggregate.to_owned(),
        })
    }

    /// Returns the name as a type, such as `Parcel`.
    pub(super) fn type_name(&self) -> String {
        let (first, rest) = self.aggregate.split_at(1);
        format!("{}{rest}", first.to_uppercase())
    }

    /// Returns the name as a constant, such as `PARCEL`.
    pub(super) fn constant(&self) -> String {
        self.aggregate.to_uppercase()
    }

    /// Fills a template.
    pub(super) fn fill(&self, template: &str) -> String {
        template
            .replace("{context}", &self.context)
            .replace("{aggregate}", &self.aggregate)
            .replace("{Aggregate}", &self.type_name())
            .replace("{AGGREGATE}", &self.constant())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fill_templates() {
        let names = Names::new("shipping", "parcel").unwrap();
        let filled = names.fill("{context} {aggregate} {Aggregate} {AGGREGATE} {id}");
        assert_eq!(filled, "shipping parcel Parcel PARCEL {id}");
    }

    #[test]
    fn names_that_cannot_be_crates_are_refused() {
        for name in [
            "",
            "Shipping",
            "ship-ping",
            "../x",
            "7",
            "match",
            "rejection",
        ] {
            assert!(Names::new("shipping", name).is_err(), "{name}");
        }
    }
}
