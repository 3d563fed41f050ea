//! Help and completions.

use std::process::Command;

fn out(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_factline"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("Commands:") else {
        return Vec::new();
    };
    let lines = list.lines().skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn help_of_every_command_has_examples_and_groups_the_options_of_kafka() {
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    let mut seen = 0;
    while let Some(command) = open.pop() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let help = out(&[&words[..], &["--help"]].concat());
        let example = format!("\n  factline {}", words.join(" "));
        assert!(
            help.contains("\nExample") && help.contains(&example),
            "{help}"
        );
        assert!(!help.contains("--instance"), "{help}");
        if let Some(&("new" | "operation" | "completions")) = words.first() {
            assert!(!help.contains("kafka-brokers"), "{help}");
        } else {
            let (before, options) = help.split_once("\nKafka:\n").unwrap();
            assert!(!before.contains("--kafka-"), "{help}");
            for option in ["--kafka-brokers", "--registry-url", "--kafka-ca-file"] {
                assert!(options.contains(option), "{help}");
            }
        }
        open.extend(
            commands(&help)
                .into_iter()
                .map(|name| [command.clone(), vec![name]].concat()),
        );
        seen += 1;
    }
    assert_eq!(
        seen,
        1 + 21 + 14,
        "the tool, its commands, and their subcommands"
    );
}

#[test]
fn completions_contain_the_commands_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(
            out(&["completions", shell]).contains("dead-letters"),
            "{shell}"
        );
    }
}
