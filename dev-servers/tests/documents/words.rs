//! Words and line lengths of the documents, by the rules of *How we write* in CONTRIBUTING. Code blocks, code spans and tables'
//! widths are exempt, and so is the section that lists the words.

use crate::files;

/// Words that say less than the ones of the field, in lower case. CONTRIBUTING has the words to use instead.
const REPLACED: [&str; 15] = [
    "nobody",
    "somebody",
    "whoever",
    "stranger",
    "anew",
    "so many",
    "so long",
    "stands still",
    "stand still",
    "stood still",
    "is away",
    "are away",
    "now and then",
    "comes to grief",
    "came to grief",
];

/// Columns of a line of prose.
const COLUMNS: usize = 100;

/// The lines of a document that are prose, numbered from 1, without code blocks and without the section on the rules themselves.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let (mut in_code, mut in_rules) = (false, false);
    let mut kept = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            continue;
        }
        if !in_code && line.starts_with("## ") {
            in_rules = line == "## How we write";
        }
        if !in_code && !in_rules {
            kept.push((index + 1, line));
        }
    }
    kept
}

/// A line without its code spans.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

/// Whether the words of `phrase` stand in the line one after the other.
fn contains(line: &str, phrase: &str) -> bool {
    let line = line.to_lowercase();
    let words: Vec<&str> = line
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let phrase: Vec<&str> = phrase.split(' ').collect();
    words.windows(phrase.len()).any(|found| found == phrase)
}

#[test]
fn documents_use_the_words_of_the_field() {
    let mut found = Vec::new();
    for (path, text) in files("md") {
        for (number, line) in prose(&text) {
            let line = without_code(line);
            let words = REPLACED.iter().filter(|word| contains(&line, word));
            found.extend(words.map(|word| format!("{}:{number}: {word}", path.display())));
        }
    }
    assert!(
        found.is_empty(),
        "CONTRIBUTING says what to write instead:\n{}",
        found.join("\n")
    );
}

#[test]
fn lines_of_prose_are_not_too_long() {
    let mut found = Vec::new();
    for (path, text) in files("md") {
        for (number, line) in prose(&text) {
            let is_table = line.trim_start().starts_with('|');
            let columns = line.chars().count();
            if columns > COLUMNS && !is_table && !line.contains("](") {
                found.push(format!("{}:{number}: {columns} columns", path.display()));
            }
        }
    }
    assert!(
        found.is_empty(),
        "longer than {COLUMNS} columns:\n{}",
        found.join("\n")
    );
}

#[test]
fn a_phrase_is_found_as_whole_words_only() {
    assert!(contains("For so many, it", "so many"));
    assert!(contains("Nobody has it", "nobody"));
    assert!(!contains("renewed and anewly", "anew"));
    assert!(!contains("so much for many", "so many"));
}
