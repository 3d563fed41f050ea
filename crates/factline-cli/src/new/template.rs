//! Templates: texts with names in braces, such as `{aggregate}`. Other braces stay as they are.

use super::names::Name;

/// The text of a file in `templates/`.
macro_rules! template {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $path))
    };
}

pub(super) use template;

/// Values by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Values(Vec<(String, String)>);

impl Values {
    /// Adds a value.
    pub(super) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.push((key.to_owned(), value.into()));
        self
    }

    /// Adds a name in all its forms. For the key `part`, `{part}` is the module, `{part-}` the form
    /// with hyphens, `{Part}` the type, `{PART}` the constant and `{part words}` the form for
    /// sentences.
    pub(super) fn with_name(self, key: &str, name: &Name) -> Self {
        let (first, rest) = key.split_at(1);
        self.with(key, name.snake())
            .with(&format!("{key}-"), name.kebab())
            .with(&format!("{}{rest}", first.to_uppercase()), name.pascal())
            .with(&key.to_uppercase(), name.constant())
            .with(&format!("{key} words"), name.words())
    }

    /// Fills a template.
    pub(super) fn fill(&self, template: &str) -> String {
        let fill = |text: String, (key, value): &(String, String)| {
            text.replace(&format!("{{{key}}}"), value)
        };
        self.0.iter().fold(template.to_owned(), fill)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_is_filled_with_each_form_of_a_name() {
        let name: Name = "order-line".parse().unwrap();
        let values = Values::default().with_name("part", &name).with("n", "7");
        assert_eq!(
            values.fill("{part} {part-} {Part} {PART} {part words} {n} {id} Self { x }"),
            "order_line order-line OrderLine ORDER_LINE order line 7 {id} Self { x }"
        );
    }
}
