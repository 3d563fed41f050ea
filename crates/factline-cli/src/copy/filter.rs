//! The aggregates that are copied, and the fields that are masked.

mod mask;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use factline_kafka::Record;
use serde::{Deserialize, Serialize};

pub(super) use self::mask::{Mask, apply};
use crate::archive::Kind;

/// Options for the choice.
#[derive(Debug, Args)]
pub(super) struct Choice {
    /// Copy only these aggregates of their type, such as ordering.order/7d9c…; may be given several
    /// times
    #[arg(long, value_name = "X/ID")]
    keep: Vec<String>,
    /// File with aggregates to keep, one in each line
    #[arg(long, value_name = "FILE")]
    keep_from: Option<PathBuf>,
    /// Leave these aggregates out; may be given several times
    #[arg(long, value_name = "X/ID")]
    drop: Vec<String>,
    /// File with aggregates to leave out, one in each line
    #[arg(long, value_name = "FILE")]
    drop_from: Option<PathBuf>,
    /// Replace a field of events and commands in the copy. `*` stands for each item of an array.
    /// May be given several times
    #[arg(long, value_name = "RECORD/FIELD=VALUE", value_parser = mask::parse)]
    mask: Vec<Mask>,
}

/// Ids by aggregate type.
type Aggregates = BTreeMap<String, BTreeSet<String>>;

/// The aggregates that are copied: whole ones, because each version of an aggregate builds on the
/// versions before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Filter {
    keep: Aggregates,
    drop: Aggregates,
    pub(super) masks: Vec<Mask>,
}

impl Choice {
    /// Reads the files.
    pub(super) fn filter(&self, known: &[&str]) -> Result<Filter> {
        Ok(Filter {
            keep: aggregates(&self.keep, self.keep_from.as_ref(), known)?,
            drop: aggregates(&self.drop, self.drop_from.as_ref(), known)?,
            masks: self.mask.clone(),
        })
    }
}

fn aggregates(named: &[String], file: Option<&PathBuf>, known: &[&str]) -> Result<Aggregates> {
    let mut aggregates = Aggregates::new();
    let mut add = |text: &str| {
        let (aggregate, id) = text
            .split_once('/')
            .with_context(|| format!("{text} is not TYPE/ID, such as ordering.order/17"))?;
        ensure!(known.contains(&aggregate), "unknown aggregate {aggregate}");
        let ids = aggregates.entry(aggregate.to_owned()).or_default();
        ids.insert(id.to_owned());
        Ok::<_, anyhow::Error>(())
    };
    named.iter().try_for_each(|text| add(text))?;
    if let Some(path) = file {
        let cannot = || format!("cannot read {}", path.display());
        let text = fs::read_to_string(path).with_context(cannot)?;
        let mut lines = text.lines().filter(|line| !line.is_empty());
        lines.try_for_each(add).with_context(cannot)?;
    }
    Ok(aggregates)
}

impl Filter {
    /// Returns whether everything is copied as it is.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether a record is copied.
    pub(super) fn has(&self, aggregate: &str, kind: Kind, record: &Record) -> bool {
        // The key of a dead letter is the place of its command.
        let id = match kind {
            Kind::DeadLetters => record.headers.last("ce_subject"),
            _ => record.key.as_deref(),
        };
        let is_in = |ids: &BTreeSet<String>| {
            let id = id.and_then(|id| std::str::from_utf8(id).ok());
            id.is_some_and(|id| ids.contains(id))
        };
        self.keep.get(aggregate).is_none_or(is_in) && !self.drop.get(aggregate).is_some_and(is_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, subject: &str) -> Record {
        Record {
            topic: "a".to_owned(),
            partition: 0,
            offset: 0,
            timestamp: factline::Timestamp::default(),
            key: Some(key.as_bytes().to_vec()),
            headers: [("ce_subject", subject)].into_iter().collect(),
            value: None,
        }
    }

    #[test]
    fn whole_aggregates_are_kept_or_left_out() {
        let known = ["a.one", "a.two"];
        let ids = |text: &[&str]| {
            let text: Vec<String> = text.iter().map(|text| (*text).to_owned()).collect();
            aggregates(&text, None, &known)
        };
        let filter = Filter {
            keep: ids(&["a.one/1", "a.one/x/2"]).unwrap(),
            drop: ids(&["a.one/1", "a.two/3"]).unwrap(),
            masks: Vec::new(),
        };
        let has = |aggregate: &str, kind: Kind, key: &str, subject: &str| {
            filter.has(aggregate, kind, &record(key, subject))
        };
        for kind in [Kind::Events, Kind::Outcomes, Kind::Commands] {
            assert!(!has("a.one", kind, "1", "1"), "dropped");
            assert!(has("a.one", kind, "x/2", "x/2"));
            assert!(!has("a.one", kind, "4", "4"), "not kept");
            assert!(has("a.two", kind, "4", "4"), "all of another type");
            assert!(!has("a.two", kind, "3", "3"));
        }
        assert!(!has("a.two", Kind::DeadLetters, "a.two.commands/0@7", "3"));
        assert!(has("a.two", Kind::DeadLetters, "a.two.commands/0@7", "4"));
        assert!(ids(&["a.gone/1"]).is_err() && ids(&["a.one"]).is_err());
    }
}
