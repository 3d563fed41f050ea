//! Words and line lengths of documents and code, by the rules of *How we write* in CONTRIBUTING.
//! Code blocks, code spans and tables' widths are exempt, and so is the section that lists the
//! words.

use crate::files;

/// Words that say less than the ones of the field, in lower case. CONTRIBUTING has the words to use
/// instead.
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

/// The lines of a document that are prose, numbered from 1, without code blocks and without the
/// section on the rules themselves.
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

/// Returns true if the line contains the words of `phrase` in sequence.
fn contains(line: &str, phrase: &str) -> bool {
    let line = line.to_lowercase();
    let words: Vec<&str> = line
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let phrase: Vec<&str> = phrase.split(' ').collect();
    words.windows(phrase.len()).any(|found| found == phrase)
}

/// Files whose subject are these words: the list itself, and the user of the operating system.
const EXEMPT: [&str; 2] = [
    "dev-servers/tests/documents/words.rs",
    "crates/factline-dev-servers/src/postgres.rs",
];

/// First words of a clause that has no subject. A doc comment begins with a noun or a verb.
const HEADLESS: [&str; 7] = ["What", "How", "Whether", "Where", "Who", "Whose", "Whoever"];

/// The project's Rust files, without generated ones.
fn code() -> impl Iterator<Item = (String, String)> {
    let files = files("rs").into_iter();
    let files = files.map(|(path, text)| (path.display().to_string(), text));
    files.filter(|(path, text)| !EXEMPT.contains(&path.as_str()) && !text.contains("@generated"))
}

/// The comment of a line of code, if it has one. Strings that contain slashes count as code.
fn comment(line: &str) -> Option<&str> {
    let (code, comment) = line.split_once("//")?;
    (!code.ends_with(':') && code.matches('"').count() % 2 == 0).then_some(comment)
}

fn assert_none(found: &[String]) {
    assert!(
        found.is_empty(),
        "CONTRIBUTING says what to write instead:\n{}",
        found.join("\n")
    );
}

#[test]
fn code_uses_field_terms() {
    let mut found = Vec::new();
    for (path, text) in code() {
        for (index, line) in text.lines().enumerate() {
            let line = without_code(line);
            let words = REPLACED.iter().filter(|word| contains(&line, word));
            found.extend(words.map(|word| format!("{path}:{}: {word}", index + 1)));
        }
    }
    assert_none(&found);
}

#[test]
fn doc_comments_have_a_subject() {
    let mut found = Vec::new();
    for (path, text) in code() {
        let mut before = "";
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_start();
            let is_first = !before.starts_with("//");
            before = line;
            let doc = ["/// ", "//! "]
                .iter()
                .find_map(|start| line.strip_prefix(start));
            let first = doc.and_then(|doc| doc.split_whitespace().next());
            if is_first && first.is_some_and(|first| HEADLESS.contains(&first)) {
                found.push(format!("{path}:{}: {line}", index + 1));
            }
        }
    }
    assert_none(&found);
}

#[test]
fn comments_are_not_too_long() {
    let mut found = Vec::new();
    for (path, text) in code() {
        for (index, line) in text.lines().enumerate() {
            let columns = line.chars().count();
            let has_comment = comment(line).is_some_and(|comment| !comment.contains("://"));
            if columns > COLUMNS && has_comment && !line.contains("| ") {
                found.push(format!("{path}:{}: {columns} columns", index + 1));
            }
        }
    }
    assert_none(&found);
}

#[test]
fn documents_use_field_terms() {
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
fn prose_lines_fit_the_column_limit() {
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
fn phrases_match_whole_words_only() {
    assert!(contains("For so many, it", "so many"));
    assert!(contains("Nobody has it", "nobody"));
    assert!(!contains("renewed and anewly", "anew"));
    assert!(!contains("so much for many", "so many"));
}
