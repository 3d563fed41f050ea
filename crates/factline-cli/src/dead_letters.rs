//! `factline dead-letters`: commands that could not be handled, and what operators do about them.

mod letter;
mod redrive;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use factline_kafka::{KafkaConfig, Registry, Topics};

use self::letter::Letter;
use self::redrive::LetterWriter;
use crate::output::Output;
use crate::progress::during;
use crate::servers::Server;

/// Shows commands that could not be handled, redrives them, or discards them
#[derive(Debug, Args)]
#[command(
    after_help = "A letter is named by its location, as list shows it, or by its operation. Redrive and discard are both \
                  recorded with the name of the operator.\n\nExamples:\n  factline dead-letters list ordering.order\n  \
                  factline dead-letters show ordering.order ordering.order.commands/3@17\n  \
                  factline dead-letters redrive ordering.order ordering.order.commands/3@17 --actor ada\n  \
                  factline dead-letters discard ordering.order ordering.order.commands/3@17 --note 'sent by a test'"
)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

impl Options {
    /// Returns the servers that the command needs.
    pub(crate) fn servers(&self) -> Vec<Server> {
        match self.what {
            What::Show { .. } => vec![Server::Kafka, Server::Registry],
            What::List { .. } | What::Redrive { .. } | What::Discard { .. } => vec![Server::Kafka],
        }
    }
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show the letters that were neither redriven nor discarded
    #[command(after_help = "Example:\n  factline dead-letters list ordering.order --all")]
    List {
        /// Include letters that were redriven or discarded
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        source: Source,
    },
    /// Show one letter completely
    #[command(
        after_help = "Example:\n  factline dead-letters show ordering.order ordering.order.commands/3@17"
    )]
    Show {
        #[command(flatten)]
        source: Source,
        /// The letter
        letter: String,
    },
    /// Redrive letters: send each command again as a new operation
    #[command(
        after_help = "Example:\n  factline dead-letters redrive ordering.order ordering.order.commands/3@17 --actor ada"
    )]
    Redrive {
        #[command(flatten)]
        source: Source,
        /// The letters
        #[arg(required = true)]
        letters: Vec<String>,
        #[command(flatten)]
        actor: Actor,
    },
    /// Mark letters so that they are not redriven; they stay readable
    #[command(
        after_help = "Example:\n  factline dead-letters discard ordering.order ordering.order.commands/3@17 --note 'sent by a test'"
    )]
    Discard {
        #[command(flatten)]
        source: Source,
        /// The letters
        #[arg(required = true)]
        letters: Vec<String>,
        /// The reason
        #[arg(long)]
        note: Option<String>,
        #[command(flatten)]
        actor: Actor,
    },
}

#[derive(Debug, Args)]
struct Source {
    /// Aggregate type, such as ordering.order
    aggregate: String,
}

#[derive(Debug, Args)]
struct Actor {
    /// Name of the operator; without it, the user of this shell
    #[arg(long, env = "FACTLINE_ACTOR")]
    actor: Option<String>,
}

impl Actor {
    fn name(self) -> Result<String> {
        self.actor
            .or_else(|| std::env::var("USER").ok())
            .filter(|name| !name.trim().is_empty())
            .context("the operator's name is unknown: give it with --actor")
    }
}

impl Source {
    fn topics(&self, kafka: &KafkaConfig) -> Topics {
        Topics::new(&kafka.topic_prefix, &self.aggregate)
    }

    async fn letters(&self, kafka: &KafkaConfig) -> Result<Vec<Letter>> {
        let topic = self.topics(kafka).dead_letters().to_owned();
        let kafka = kafka.clone();
        let reading = tokio::task::spawn_blocking(move || letter::read(&kafka, &topic));
        during("reading", reading).await?
    }

    /// Returns the letters with these names, or an error if one is missing.
    async fn named(&self, kafka: &KafkaConfig, names: &[String]) -> Result<Vec<Letter>> {
        let all = self.letters(kafka).await?;
        let find = |name: &String| {
            let found = all.iter().find(|letter| letter.is_called(name));
            found
                .cloned()
                .with_context(|| format!("{} has no dead letter {name}", self.aggregate))
        };
        names.iter().map(find).collect()
    }
}

const HEADING: [&str; 6] = ["letter", "time", "type", "code", "state", "reason"];

pub(crate) async fn run(options: Options, kafka: &KafkaConfig, output: &Output) -> Result<()> {
    match options.what {
        What::List { all, source } => {
            let letters = source.letters(kafka).await?;
            let shown = letters.iter().filter(|letter| all || letter.mark.is_none());
            let rows: Vec<_> = shown.map(Letter::row).collect();
            output.table(&HEADING, &rows)
        }
        What::Show { source, letter } => {
            let registry = Registry::of(kafka);
            for letter in source.named(kafka, &[letter]).await? {
                output.document(&letter.document(&registry).await?)?;
            }
            Ok(())
        }
        What::Redrive {
            source,
            letters,
            actor,
        } => {
            let letters = open(source.named(kafka, &letters).await?)?;
            let writer = LetterWriter::new(kafka, source.topics(kafka), actor.name()?)?;
            for letter in &letters {
                output.line(&writer.redrive(letter).await?)?;
            }
            Ok(())
        }
        What::Discard {
            source,
            letters,
            note,
            actor,
        } => {
            let letters = open(source.named(kafka, &letters).await?)?;
            let writer = LetterWriter::new(kafka, source.topics(kafka), actor.name()?)?;
            for letter in &letters {
                output.line(&writer.discard(letter, note.as_deref()).await?)?;
            }
            Ok(())
        }
    }
}

/// Returns the number of letters of an aggregate type that are open, and of all. Blocks until the
/// topic has been read.
pub(crate) fn count_letters(kafka: &KafkaConfig, topics: &Topics) -> Result<(usize, usize)> {
    let letters = letter::read(kafka, topics.dead_letters())?;
    let open = letters.iter().filter(|letter| letter.mark.is_none());
    Ok((open.count(), letters.len()))
}

/// Fails if a letter was redriven or discarded before.
fn open(letters: Vec<Letter>) -> Result<Vec<Letter>> {
    for letter in &letters {
        if let Some(mark) = &letter.mark {
            anyhow::bail!("{} was already {mark}", letter.key);
        }
    }
    Ok(letters)
}
