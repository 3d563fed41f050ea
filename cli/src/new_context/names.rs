//! The names of a context, in the ways they are written.

use anyhow::{Result, ensure};

/// Words that Rust keeps for itself and that a context could be called.
const KEYWORDS: [&str; 16] = [
    "crate", "dyn", "extern", "final", "impl", "loop", "match", "mod", "move", "override", "self",
    "static", "super", "trait", "type", "use",
];

/// The names that templates are filled with.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// `shipping`
    pub(super) context: String,
    /// `parcel`
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
                "{name:?} is no name for this: lower-case letters and digits, and no word of Rust"
            );
        }
        ensure!(
            aggregate != "rejection",
            "rejections have a file of this name"
        );
        Ok(Self {
            context: context.to_owned(),
            aggregate: aggregate.to_owned(),
        })
    }

    /// `Parcel`
    pub(super) fn type_name(&self) -> String {
        let (first, rest) = self.aggregate.split_at(1);
        format!("{}{rest}", first.to_uppercase())
    }

    /// `PARCEL`
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
    fn templates_are_filled() {
        let names = Names::new("shipping", "parcel").unwrap();
        let filled = names.fill("{context} {aggregate} {Aggregate} {AGGREGATE} {id}");
        assert_eq!(filled, "shipping parcel Parcel PARCEL {id}");
    }

    #[test]
    fn what_cannot_be_a_crate_is_refused() {
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
