//! The names of the parts that a process hosts, such as its views: each occurs once, and with the
//! option `--only` one instance runs some of them.

use std::collections::HashSet;

use clap::builder::PossibleValuesParser;

/// Two parts of a process have one name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {name} is there twice: remove one from the list, or give it another name")]
pub struct NameTaken {
    /// The kind of the parts, such as `view`.
    pub kind: &'static str,
    /// The name of both.
    pub name: &'static str,
}

/// Checks that no two parts of a kind have one name. They would share topics, consumer groups or
/// tables.
pub fn check_names(
    kind: &'static str,
    names: impl IntoIterator<Item = &'static str>,
) -> Result<(), NameTaken> {
    let mut seen = HashSet::new();
    let taken = names.into_iter().find(|name| !seen.insert(*name));
    taken.map_or(Ok(()), |name| Err(NameTaken { kind, name }))
}

/// Limits the option `only` of a command line to these names.
pub fn limit_to(
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
        let command = limit_to(Config::command(), ["orders", "products"]);
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
    fn second_part_of_a_name_is_refused() {
        assert_eq!(check_names("view", ["orders", "products"]), Ok(()));
        let error = check_names("view", ["orders", "products", "orders"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "view orders is there twice: remove one from the list, or give it another name"
        );
    }

    #[test]
    fn unknown_name_is_refused_with_the_known_ones() {
        let error = parse(&["--only", "order"]).unwrap_err().to_string();
        assert!(error.contains("orders, products"), "{error}");
    }
}
