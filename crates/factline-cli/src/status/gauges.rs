//! The gauges of a service, read from its metrics in Prometheus' text format.

use std::collections::BTreeMap;

/// A sample of a metric.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

/// Returns the samples of a text. Lines that are none, such as comments, are skipped.
pub(super) fn samples(text: &str) -> Vec<Sample> {
    text.lines().filter_map(sample).collect()
}

fn sample(line: &str) -> Option<Sample> {
    if line.starts_with('#') {
        return None;
    }
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, after) = rest.trim_start_matches(',').split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.insert(label.to_owned(), value);
            rest = after;
        }
        rest = &rest[1..];
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name: name.to_owned(),
        labels,
        value,
    })
}

/// Splits a text at its closing quote, and resolves the escapes before it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels() {
        let text = "# TYPE factline_ready gauge\nfactline_ready{service=\"policies\"} 1\n\n\
                    up 0.5 1700000000\nodd{a=\"x, \\\"y\\\"}\",b=\"\"} 2e3\nbroken{a=\"\ntext\n";
        let read = samples(text);
        let names: Vec<(&str, f64)> = read
            .iter()
            .map(|sample| (sample.name.as_str(), sample.value))
            .collect();
        assert_eq!(
            names,
            [("factline_ready", 1.0), ("up", 0.5), ("odd", 2000.0)]
        );
        assert_eq!(read[0].labels["service"], "policies");
        assert_eq!(read[2].labels["a"], "x, \"y\"}");
        assert_eq!(read[2].labels["b"], "");
    }
}
