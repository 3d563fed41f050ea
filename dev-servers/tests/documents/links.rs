//! Links between documents. Links to other sites are not followed: a test must not depend on them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::{files, root};

/// A document without its blocks of code.
fn prose(text: &str) -> String {
    let mut inside = false;
    let kept = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// The targets of `[text](target)` in a document.
pub(crate) fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    let after = prose.split("](").skip(1);
    after
        .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
        .collect()
}

/// Returns the anchors of headings, in the usual form.
fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text);
    let headings = headings.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

/// Returns what is wrong with a link, if anything.
fn broken(documents: &BTreeMap<PathBuf, String>, from: &Path, target: &str) -> Option<String> {
    if ["http://", "https://", "mailto:"]
        .iter()
        .any(|scheme| target.starts_with(scheme))
    {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => from.to_owned(),
        _ => from.parent().unwrap_or(Path::new("")).join(file),
    };
    let Ok(found) = root().join(&path).canonicalize() else {
        return Some(format!("{}: there is no {file}", from.display()));
    };
    if anchor.is_empty() {
        return None;
    }
    let document = documents.get(found.strip_prefix(root()).unwrap_or(&found));
    let known = document.is_some_and(|text| anchors(text).iter().any(|known| known == anchor));
    (!known).then(|| format!("{}: {target} names no heading", from.display()))
}

#[test]
fn links_lead_to_files_and_headings() {
    let documents = files("md");
    assert!(documents.contains_key(Path::new("docs/operations.md")));
    let links = documents
        .iter()
        .flat_map(|(from, text)| targets(text).into_iter().map(move |target| (from, target)));
    let broken: Vec<String> = links
        .filter_map(|(from, target)| broken(&documents, from, &target))
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn links_and_headings_are_parsed() {
    let text = "# A `b`: c, d\n[x](y.md#z) and\n```\n# no [heading](nor-link)\n```\n## E\n";
    assert_eq!(targets(text), ["y.md#z"]);
    assert_eq!(anchors(text), ["a-b-c-d", "e"]);
    let documents = BTreeMap::from([(PathBuf::from("README.md"), text.to_owned())]);
    let broken = |target: &str| broken(&documents, Path::new("README.md"), target).is_some();
    assert!(!broken("#e") && !broken("Cargo.toml") && !broken("https://example.org/none"));
    assert!(broken("#f") && broken("none.md") && broken("Cargo.toml#e"));
}
