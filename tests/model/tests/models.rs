//! What the models say, held against `docs/correctness.md`. Sizes are told past the test's captured output, so that they
//! stand in every run's log.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use factline_failpoints::Mutant;
use model::checkpoint::Checkpoint;
use model::explore::{Explored, Model, explore};
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

fn nothing_is_wrong(what: &str, model: &impl Model) {
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
        without: Vec::new(),
        inside: true,
    }
}

#[test]
fn three_commands_of_which_one_came_twice() {
    nothing_is_wrong("three commands", &takeover::<2>(&[0, 1, 0], false, 1));
}

#[test]
fn two_commands_in_transactions_of_one_or_two() {
    nothing_is_wrong("batches", &takeover::<2>(&[0, 1], false, 2));
}

#[test]
fn a_command_with_a_deadline() {
    nothing_is_wrong("a deadline", &takeover::<2>(&[0], true, 1));
}

#[test]
fn checkpoint_and_operation() {
    nothing_is_wrong("a checkpoint", &Checkpoint { compares: true });
    nothing_is_wrong("an operation", &Tracker { absorbs: true });
}

/// The rows of the document's tables of rules: what is left out, and what it says of it.
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

/// As a cell of the document has it.
fn cell(explored: &Explored) -> String {
    match &explored.found {
        None => "nothing".to_owned(),
        Some(found) => format!("{} steps", found.steps.len()),
    }
}

/// What a rule that is left out leads to is what the document says; and no rule is without its row.
#[test]
fn what_is_left_out_is_found_as_the_document_says() {
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
                "{what}: {}, and the document says {said}",
                cell(&explored)
            ));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
