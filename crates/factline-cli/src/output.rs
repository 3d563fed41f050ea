//! Output of the tool: aligned columns for people, JSON lines for programs.

use std::io::{self, Write as _};

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::Value;

/// The format of the output.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// A table for people, or one JSON object per line for programs
    #[arg(long, env = "FACTLINE_FORMAT", global = true, value_enum, default_value_t = Format::Table)]
    format: Format,

    /// The same as `--format json`
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// A value to print: JSON for programs, and cells for people.
pub(crate) type Row = (Value, Vec<String>);

impl Output {
    /// Returns whether the output is JSON.
    pub(crate) fn is_for_programs(self) -> bool {
        self.format() == Format::Json
    }

    fn format(self) -> Format {
        if self.json { Format::Json } else { self.format }
    }

    /// Prints one value immediately.
    pub(crate) fn line(self, (value, cells): &Row) -> Result<()> {
        match self.format() {
            Format::Json => print(&value.to_string()),
            Format::Table => print(&cells.join("  ")),
        }
    }

    /// Prints the heading of lines that follow one by one. Its columns have the widths of the first
    /// line.
    pub(crate) fn heading(self, heading: &[&str], first: &[String]) -> Result<()> {
        if self.is_for_programs() {
            return Ok(());
        }
        let columns = heading.iter().enumerate().map(|(column, name)| {
            let width = first.get(column).map_or(0, |cell| cell.chars().count());
            format!("{:width$}", name.to_uppercase())
        });
        print(columns.collect::<Vec<_>>().join("  ").trim_end())
    }

    /// Prints a list under a heading.
    pub(crate) fn table(self, heading: &[&str], rows: &[Row]) -> Result<()> {
        if self.is_for_programs() {
            return rows.iter().try_for_each(|row| self.line(row));
        }
        let heading: Vec<String> = heading.iter().map(|cell| cell.to_uppercase()).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&heading)
            .chain(rows.iter().map(|(_, cells)| cells))
            .collect();
        let width = |column: usize| {
            let cells = lines.iter().filter_map(|cells| cells.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        for cells in &lines {
            let padded = cells.iter().enumerate().map(|(column, cell)| {
                // The last column is not padded.
                let width = if column + 1 == cells.len() {
                    0
                } else {
                    width(column)
                };
                format!("{cell:width$}")
            });
            print(padded.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }

    /// Prints one value with many fields.
    pub(crate) fn document(self, value: &Value) -> Result<()> {
        match (self.format(), value) {
            (Format::Json, _) => print(&value.to_string()),
            (Format::Table, Value::Object(fields)) => {
                let width = fields.keys().map(|name| name.chars().count()).max();
                let width = width.unwrap_or(0);
                for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                    print(&format!("{name:width$}  {}", indented(value, width + 2)))?;
                }
                Ok(())
            }
            (Format::Table, other) => print(&cell(other)),
        }
    }
}

/// Returns a value as one line, with texts without quotes.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => printable(text),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

/// Escapes control characters, so that text from records cannot move the reader's cursor.
fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

fn indented(value: &Value, by: usize) -> String {
    match value {
        Value::Object(_) | Value::Array(_) => {
            let text = serde_json::to_string_pretty(value).unwrap_or_default();
            text.replace('\n', &format!("\n{}", " ".repeat(by)))
        }
        other => cell(other),
    }
}

fn print(line: &str) -> Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}

/// Returns whether the reader of the output has closed the pipe.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cell_escapes_control_characters() {
        assert_eq!(cell(&Value::from("a\u{1b}[2Jb\n")), "a\\u{1b}[2Jb\\n");
    }
}
