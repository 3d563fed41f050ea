//! The command line of the tool: its commands, and the options that they share.

use clap::{Args as _, CommandFactory as _};
use factline_kafka::KafkaConfig;

use crate::Cli;

/// The commands that use neither Kafka nor the registry.
const WITHOUT_KAFKA: [&str; 3] = ["operation", "new", "completions"];

/// Returns the command line of the tool.
///
/// The options of Kafka are global, so that they may stand before or after the command. Options
/// that depend on each other, such as user name and password, must stand in the same place, because
/// clap checks each place separately.
pub(crate) fn cli() -> clap::Command {
    let mut cli = Cli::command();
    for id in kafka_options() {
        cli = cli.mut_arg(id, |option| option.global(true).help_heading("Kafka"));
    }
    cli = cli
        .mut_arg("brokers", |option| option.visible_alias("brokers"))
        // Services have slots in their groups, but the tool joins no group.
        .mut_arg("instance", |option| option.hide(true));
    let hidden: Vec<clap::Arg> = kafka_options()
        .iter()
        .filter_map(|id| cli.get_arguments().find(|option| option.get_id() == id))
        .map(|option| option.clone().hide(true))
        .collect();
    for command in WITHOUT_KAFKA {
        cli = cli.mut_subcommand(command, |command| command.args(&hidden));
    }
    cli
}

/// Returns the ids of the options that every process with Kafka has.
fn kafka_options() -> Vec<clap::Id> {
    let options = KafkaConfig::augment_args(clap::Command::new("kafka"));
    let options = options.get_arguments();
    options.map(|option| option.get_id().clone()).collect()
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches as _;

    use super::*;

    fn parse(words: &[&str]) -> KafkaConfig {
        let words = std::iter::once("factline").chain(words.iter().copied());
        let matches = cli().try_get_matches_from(words).unwrap();
        Cli::from_arg_matches(&matches).unwrap().kafka
    }

    #[test]
    fn command_line_is_consistent() {
        cli().debug_assert();
    }

    #[test]
    fn kafka_options_work_before_and_after_the_command() {
        let commands: [&[&str]; 3] = [
            &["history", "7"],
            &["topics", "plan"],
            &["dead-letters", "list", "ordering.order"],
        ];
        let options = ["--kafka-brokers", "a:1,b:2", "--topic-prefix", "staging."];
        for command in commands {
            for words in [[&options, command].concat(), [command, &options].concat()] {
                let kafka = parse(&words);
                assert_eq!(kafka.brokers, "a:1,b:2", "{words:?}");
                assert_eq!(kafka.topic_prefix, "staging.", "{words:?}");
            }
        }
    }

    #[test]
    fn option_nearest_to_the_command_wins() {
        let words = ["--brokers", "a:1", "topics", "plan", "--brokers", "b:2"];
        assert_eq!(parse(&words).brokers, "b:2");
    }

    #[test]
    fn login_stands_before_or_after_the_command() {
        let login = [
            "--kafka-security-protocol=sasl_plaintext",
            "--kafka-sasl-username=ada",
            "--kafka-sasl-password=secret",
        ];
        let command = ["events", "ordering.order"];
        for words in [
            [&login[..], &command].concat(),
            [&command, &login[..]].concat(),
        ] {
            let user = parse(&words).security.sasl_username;
            assert_eq!(user.as_deref(), Some("ada"), "{words:?}");
        }
    }
}
