//! The page of mistakes against the tests that provoke them.
//!
//! Each mistake has a comment `<!-- FILE TEST -->` and a block with its message. The file has the
//! test (in a Markdown file, a heading) and the message. A third word in the comment is the file
//! that has the message instead.

use std::fs;

use crate::root;

const PAGE: &str = "docs/how-to/mistakes.md";

/// Returns the text on one line: without escapes, line breaks within literals, and indentation.
fn plain(text: &str) -> String {
    let text = text
        .replace("\\\n", " ")
        .replace("\\n", " ")
        .replace("\\\"", "\"");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns what is wrong with a section of the page, if anything.
fn wrong(section: &str) -> Option<String> {
    let title = section.lines().next().unwrap_or_default();
    let between = |from: &str, to: &str| Some(section.split_once(from)?.1.split_once(to)?.0);
    let Some((comment, message)) = between("<!-- ", " -->").zip(between("```\n", "```")) else {
        return Some(format!("{title}: has no comment, or no message"));
    };
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap_or_default();
    let comment = plain(comment);
    let (file, rest) = comment.split_once(' ').unwrap_or((&comment, ""));
    let (test, source) = match rest.rsplit_once(' ') {
        Some((test, source)) if source.contains('/') => (test, source),
        _ => (rest, file),
    };
    let found = read(file);
    let heading = format!("## {test}");
    let is_heading = found.lines().any(|line| line == heading);
    let has_test = is_heading || found.contains(&format!("fn {test}()"));
    if !has_test {
        return Some(format!("{title}: {file} has no {test}"));
    }
    let has_message = plain(&read(source)).contains(&plain(message));
    (!has_message).then(|| format!("{title}: {source} does not have the message"))
}

#[test]
fn messages_are_those_of_the_tests() {
    let page = fs::read_to_string(root().join(PAGE)).expect("the page is there");
    let mistakes: Vec<&str> = page.split("\n### ").skip(1).collect();
    assert!(mistakes.len() >= 20, "{} mistakes", mistakes.len());
    let wrong: Vec<String> = mistakes.into_iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
