//! Explores the takeover model, or prints the violation that follows from leaving out a rule.

use clap::Parser;
use model::explore::{Explored, explore};
use model::takeover::Takeover;
use model::takeover::rule::Rule;

/// Explores the models of the protocols: every state, under every fault
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  cargo run -p model -- no-wait-until-stable
  cargo run -p model -- no-flush end-before-offset
  cargo run -p model -- --commands 0,1,0 --batch 2 --deadline    (5.6 million states, some minutes)")]
struct Options {
    /// Rules to leave out: names of mutants, and of rules that only the model can leave out
    left_out: Vec<String>,

    /// The partition's commands, if all rules are kept; a number that occurs twice is a command
    /// that was sent twice
    #[arg(long, value_delimiter = ',', default_value = "0,1,0")]
    commands: Vec<u8>,

    /// Maximum number of commands in a transaction
    #[arg(long, default_value_t = 1)]
    batch: usize,

    /// Let a worker decide the next batch while one is being committed
    #[arg(long)]
    ahead: bool,

    /// Let the first command set a deadline
    #[arg(long)]
    deadline: bool,

    /// Use three workers instead of two
    #[arg(long)]
    three: bool,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let names: Vec<&str> = options.left_out.iter().map(String::as_str).collect();
    let explored = if names.is_empty() {
        kept(&options)
    } else {
        let known: Vec<&str> = Rule::ALL.map(Rule::left_out).to_vec();
        model::left_out(&names).ok_or_else(|| {
            anyhow::anyhow!(
                "one of blind-checkpoint, no-absorption, unordered-feed, or some of {}",
                known.join(", ")
            )
        })?
    };
    println!("{} states, depth {}", explored.states, explored.depth);
    match explored.found {
        None => println!("no violation"),
        Some(found) => println!("{found}"),
    }
    Ok(())
}

fn kept(options: &Options) -> Explored {
    let (commands, deadline, batch) = (options.commands.clone(), options.deadline, options.batch);
    let (ahead, without, inside) = (options.ahead, Vec::new(), true);
    if options.three {
        return explore(&Takeover::<3> {
            commands,
            deadline,
            batch,
            ahead,
            without,
            inside,
        });
    }
    explore(&Takeover::<2> {
        commands,
        deadline,
        batch,
        ahead,
        without,
        inside,
    })
}
