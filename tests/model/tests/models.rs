//! Checks the results of the models against `docs/correctness.md`. The numbers of states bypass the
//! test's captured output, so that they appear in every run's log.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use factline_failpoints::Mutant;
use model::cancels::{self, Cancels};
use model::checkpoint::Checkpoint;
use model::deliveries::{self, Deliveries};
use model::explore::{Explored, Model, explore};
use model::feed::Feed;
use model::parked::{self, Parking};
use model::takeover::Takeover;
use model::takeover::rule::Rule;
use model::takeover::state::Id;
use model::tracker::Tracker;

fn tell(what: &str, start: Instant, explored: &Explored) {
    let (states, seconds) = (explored.states, start.elapsed().as_secs_f32());
    let found = explored.found.as_ref().map_or(String::new(), |found| {
        format!(": after {} steps {}", found.steps.len(), found.what)
    });
    let _ = writeln!(
        std::io::stderr(),
        "model, {what}: {states} states in {seconds:.1} s{found}"
    );
}

fn assert_no_violation(what: &str, model: &impl Model) {
    let start = Instant::now();
    let explored = explore(model);
    tell(what, start, &explored);
    if let Some(found) = explored.found {
        panic!("{what}:\n{found}");
    }
}

fn takeover<const W: usize>(commands: &[Id], deadline: bool, batch: usize) -> Takeover<W> {
    Takeover {
        commands: commands.to_vec(),
        deadline,
        batch,
        ahead: false,
        without: Vec::new(),
        inside: true,
    }
}

#[test]
fn takeover_with_a_duplicate_command_has_no_violation() {
    assert_no_violation("three commands", &takeover::<2>(&[0, 1, 0], false, 1));
}

#[test]
fn takeover_with_batches_has_no_violation() {
    assert_no_violation("batches", &takeover::<2>(&[0, 1], false, 2));
}

#[test]
fn takeover_with_batches_that_are_decided_ahead_has_no_violation() {
    let ahead = |commands: &[Id]| Takeover {
        ahead: true,
        ..takeover::<2>(commands, false, 1)
    };
    assert_no_violation("a batch ahead", &ahead(&[0, 1]));
    assert_no_violation("a duplicate ahead", &ahead(&[0, 0]));
}

#[test]
fn takeover_with_a_deadline_has_no_violation() {
    assert_no_violation("a deadline", &takeover::<2>(&[0], true, 1));
}

#[test]
fn checkpoint_and_tracker_have_no_violation() {
    assert_no_violation("a checkpoint", &Checkpoint { compares: true });
    assert_no_violation("an operation", &Tracker { absorbs: true });
    assert_no_violation("a feed", &Feed { locks: true });
}

#[test]
fn parked_key_has_no_violation() {
    assert_no_violation("a parked key", &Parking { without: None });
}

#[test]
fn deliveries_have_no_violation() {
    assert_no_violation("a sender", &Deliveries { without: None });
}

#[test]
fn cancels_have_no_violation() {
    assert_no_violation("a cancel", &Cancels { without: None });
}

/// Returns the rows of the document's tables of rules: the rules left out, and the documented
/// result.
fn rows(document: &str) -> Vec<(Vec<&str>, &str)> {
    let rules = document
        .split("\n## ")
        .filter(|section| section.starts_with("Rules left out"));
    let rows = rules.flat_map(str::lines).filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|');
        let names = cells.next()?.split('`');
        let names = names.map(str::trim).filter(|name| !name.is_empty());
        Some((names.collect(), cells.nth(1)?.trim()))
    });
    rows.collect()
}

/// Returns the result as a cell of the document.
fn cell(explored: &Explored) -> String {
    match &explored.found {
        None => "nothing".to_owned(),
        Some(found) => format!("{} steps", found.steps.len()),
    }
}

/// The result of leaving out a rule matches the document, and every rule has a row.
#[test]
fn left_out_rules_match_the_document() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/correctness.md");
    let document = std::fs::read_to_string(path).expect("the document is there");
    let rows = rows(&document);
    let alone: BTreeSet<&str> = rows
        .iter()
        .filter(|(names, _)| names.len() == 1)
        .map(|(names, _)| names[0])
        .collect();
    let rules = Rule::ALL.map(Rule::left_out);
    let all: BTreeSet<&str> = Mutant::ALL
        .map(Mutant::name)
        .into_iter()
        .chain(rules)
        .chain(deliveries::Rule::ALL.map(deliveries::Rule::left_out))
        .chain(parked::Rule::ALL.map(parked::Rule::left_out))
        .chain(cancels::Rule::ALL.map(cancels::Rule::left_out))
        .collect();
    assert_eq!(alone, all, "the document's rows (left), the rules (right)");
    let mut differ = Vec::new();
    for (names, said) in rows {
        let start = Instant::now();
        let explored = model::left_out(&names).expect("the document's names are those of rules");
        let what = names.join(" and ");
        tell(&what, start, &explored);
        if cell(&explored) != said {
            differ.push(format!(
                "{what}: {}, the document says {said}",
                cell(&explored)
            ));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
