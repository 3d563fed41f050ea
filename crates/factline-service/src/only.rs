//! The option `--only`, with which one instance of a process runs some of its parts: the contexts,
//! policies or views with these names.

use clap::builder::PossibleValuesParser;

/// Limits the option `only` of a command line to these names.
pub fn accept(
    command: clap::Command,
    names: impl IntoIterator<Item = &'static str>,
) -> clap::Command {
    let names = PossibleValuesParser::new(names);
    command.mut_arg("only", |only| only.value_parser(names))
}

/// Returns whether the option includes a part. Without the option, all parts are included.
pub fn includes(only: &[String], name: &str) -> bool {
    only.is_empty() || only.iter().any(|included| included == name)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _, Parser};

    use super::*;

    #[derive(Parser)]
    struct Config {
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
    }

    fn parse(arguments: &[&str]) -> Result<Vec<String>, clap::Error> {
        let command = accept(Config::command(), ["orders", "products"]);
        let arguments = ["process"].iter().chain(arguments);
        let matches = command.try_get_matches_from(arguments)?;
        Ok(Config::from_arg_matches(&matches)?.only)
    }

    #[test]
    fn only_includes_the_named_parts_or_all() {
        let only = parse(&["--only", "orders"]).unwrap();
        assert!(includes(&only, "orders") && !includes(&only, "products"));
        let all = parse(&[]).unwrap();
        assert!(includes(&all, "orders") && includes(&all, "products"));
    }

    #[test]
    fn unknown_name_is_refused_with_the_known_ones() {
        let error = parse(&["--only", "order"]).unwrap_err().to_string();
        assert!(error.contains("orders, products"), "{error}");
    }
}
