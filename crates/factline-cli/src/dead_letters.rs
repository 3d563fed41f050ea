//! `factline dead-letters`: records that could not be handled, and what operators do about them:
//! commands, in their topics, and events that views could not apply, in PostgreSQL.

mod facts;
mod letter;
mod parked;
mod redrive;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand};
use factline_kafka::{KafkaConfig, Registry, Topics};

use self::letter::Letter;
use self::parked::{Action, ParkedKey, ParkedKeys};
use self::redrive::LetterWriter;
use crate::aggregates::Aggregates;
use crate::output::{Output, Row};
use crate::progress::during;
use crate::servers::Server;

/// Shows records that could not be handled, redrives them, or discards them
#[derive(Debug, Args)]
#[command(
    after_help = "A letter is named by its place, as list shows it; that of a command also by its operation, and that of a view \
                  also by its key. A letter of a view is the first event of a parked key, with the later events of the key. \
                  Of a policy, each fact of a parked key is a letter; the redrive of the first one redrives those behind it. \
                  Redrive and discard are recorded with the name of the operator.\n\nExamples:\n  \
                  factline dead-letters list\n  \
                  factline dead-letters show ordering.order ordering.order.commands/3@17\n  \
                  factline dead-letters redrive ordering.order ordering.order.commands/3@17 --actor ada\n  \
                  factline dead-letters redrive --view orders ordering.order.events/3@29 --actor ada\n  \
                  factline dead-letters discard ordering.order ordering.order.commands/3@17 --note 'sent by a test'"
)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

impl Options {
    /// Returns the servers that the command needs. The database is checked by its first use.
    pub(crate) fn servers(&self) -> Vec<Server> {
        match &self.what {
            What::List { source, .. } if source.view.is_some() => Vec::new(),
            What::Show { letters } if letters.source.view.is_some() => vec![Server::Registry],
            What::Redrive { letters, .. } | What::Discard { letters, .. }
                if letters.source.view.is_some() =>
            {
                Vec::new()
            }
            What::Show { .. } => vec![Server::Kafka, Server::Registry],
            What::List { .. } | What::Redrive { .. } | What::Discard { .. } => vec![Server::Kafka],
        }
    }
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show the letters that were neither redriven nor discarded: of all aggregates, policies and
    /// views, or of one
    #[command(
        after_help = "Examples:\n  factline dead-letters list\n  factline dead-letters list ordering.order --all\n  \
                      factline dead-letters list --view orders"
    )]
    List {
        /// Include letters that were redriven or discarded
        #[arg(long)]
        all: bool,
        /// Aggregate type, such as ordering.order, for its commands alone; or the group of a
        /// policy, such as policy.checkout-orders, for the facts that it could not handle
        #[arg(conflicts_with = "view")]
        aggregate: Option<String>,
        #[command(flatten)]
        source: Source,
    },
    /// Show one letter completely
    #[command(
        after_help = "Examples:\n  factline dead-letters show ordering.order ordering.order.commands/3@17\n  \
                      factline dead-letters show --view orders ordering.order.events/3@29"
    )]
    Show {
        #[command(flatten)]
        letters: Letters,
    },
    /// Redrive letters: send each command again as a new operation, or apply the events of a view
    #[command(
        after_help = "The projector applies the events of a parked key in order, and the key is parked no longer. If one \
                      of them fails again, the key stays parked from there, and the code is 1.\n\nExamples:\n  \
                      factline dead-letters redrive ordering.order ordering.order.commands/3@17 --actor ada\n  \
                      factline dead-letters redrive --view orders --all-keys"
    )]
    Redrive {
        #[command(flatten)]
        letters: Letters,
        /// Redrive all parked keys of the view
        #[arg(long, requires = "view")]
        all_keys: bool,
        #[command(flatten)]
        actor: Actor,
    },
    /// Mark commands so that they are not redriven; they stay readable. Drop events of a view
    #[command(
        after_help = "Of a view, the first event of the key is dropped, and the later ones are applied. The log keeps \
                      all events.\n\nExamples:\n  \
                      factline dead-letters discard ordering.order ordering.order.commands/3@17 --note 'sent by a test'\n  \
                      factline dead-letters discard --view orders ordering.order.events/3@29 --with-later"
    )]
    Discard {
        #[command(flatten)]
        letters: Letters,
        /// Drop the later events of the key too
        #[arg(long, requires = "view")]
        with_later: bool,
        /// The reason
        #[arg(long)]
        note: Option<String>,
        #[command(flatten)]
        actor: Actor,
    },
}

#[derive(Debug, Args)]
struct Source {
    /// The events that this view could not apply
    #[arg(long, value_name = "VIEW")]
    view: Option<String>,
    /// PostgreSQL as <postgres://user@host:port/database>, for views; the role must be that of the
    /// projectors
    #[arg(
        long,
        value_name = "URL",
        env = "FACTLINE_DATABASE_URL",
        hide_env_values = true
    )]
    database_url: Option<String>,
}

#[derive(Debug, Args)]
struct Letters {
    /// The aggregate type, such as ordering.order, or the group of a policy, such as
    /// policy.checkout-orders, and its letters; with --view only letters
    #[arg(value_name = "LETTER")]
    names: Vec<String>,
    #[command(flatten)]
    source: Source,
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
    async fn parked(&self, kafka: &KafkaConfig) -> Result<ParkedKeys> {
        let url = self
            .database_url
            .as_deref()
            .context("letters of views are in the database: give it with --database-url")?;
        ParkedKeys::connect(url, &kafka.topic_prefix).await
    }
}

/// Letters that were chosen by their names.
enum Chosen {
    Commands(Topics, Vec<Letter>),
    Parked(ParkedKeys, Vec<ParkedKey>),
}

impl Letters {
    async fn find(&self, kafka: &KafkaConfig, all_keys: bool) -> Result<Chosen> {
        if let Some(view) = &self.source.view {
            ensure!(
                all_keys == self.names.is_empty(),
                "name the letters of view {view}: by their places, or by their keys"
            );
            let mut parked = self.source.parked(kafka).await?;
            let keys = if all_keys {
                parked.open(Some(view)).await?
            } else {
                parked.named(view, &self.names).await?
            };
            return Ok(Chosen::Parked(parked, keys));
        }
        let [aggregate, names @ ..] = self.names.as_slice() else {
            bail!("name the aggregate type and its letters, or a view with --view");
        };
        ensure!(
            !names.is_empty(),
            "name the letters of {aggregate}: the first name is the aggregate type"
        );
        let topics = Topics::new(&kafka.topic_prefix, aggregate);
        let all = letters(kafka, &topics).await?;
        let find = |name: &String| {
            let found = all.iter().find(|letter| letter.is_called(name));
            found
                .cloned()
                .with_context(|| format!("{aggregate} has no dead letter {name}"))
        };
        let found: Result<_> = names.iter().map(find).collect();
        Ok(Chosen::Commands(topics, found?))
    }
}

async fn letters(kafka: &KafkaConfig, topics: &Topics) -> Result<Vec<Letter>> {
    let topic = topics.dead_letters().to_owned();
    let kafka = kafka.clone();
    let reading = tokio::task::spawn_blocking(move || letter::read(&kafka, &topic));
    during("reading", reading).await?
}

/// The columns of a list.
const HEADING: [&str; 7] = ["of", "letter", "time", "type", "code", "state", "reason"];

pub(crate) async fn run(
    options: Options,
    aggregates: &Aggregates,
    kafka: &KafkaConfig,
    output: &Output,
) -> Result<()> {
    match options.what {
        What::List {
            all,
            aggregate,
            source,
        } => {
            let mut rows = Vec::new();
            if source.view.is_none() {
                let of = aggregate.as_deref();
                rows.extend(of_commands(aggregates, kafka, of, all).await?);
            }
            if source.view.is_some() || (aggregate.is_none() && source.database_url.is_some()) {
                rows.extend(of_views(&source, kafka, all).await?);
            } else if aggregate.is_none() {
                eprintln!("factline: views: unknown: --database-url is not set");
            }
            output.table(&HEADING, &rows)
        }
        What::Show { letters } => {
            let registry = Registry::of(kafka);
            match letters.find(kafka, false).await? {
                Chosen::Commands(topics, letters) => {
                    for letter in letters {
                        let shown = letter.document(topics.aggregate(), &registry).await?;
                        output.document(&shown)?;
                    }
                }
                Chosen::Parked(mut parked, keys) => {
                    for key in keys {
                        output.document(&parked.document(&key, &registry).await?)?;
                    }
                }
            }
            Ok(())
        }
        What::Redrive {
            letters,
            all_keys,
            actor,
        } => match letters.find(kafka, all_keys).await? {
            Chosen::Commands(topics, letters) if facts::is_group(topics.aggregate()) => {
                let letters = open(letters)?;
                let writer = LetterWriter::new(kafka, topics.clone(), actor.name()?)?;
                for row in facts::redrive(kafka, &topics, &writer, &letters).await? {
                    output.line(&row)?;
                }
                Ok(())
            }
            Chosen::Commands(topics, letters) => {
                let letters = open(letters)?;
                let writer = LetterWriter::new(kafka, topics, actor.name()?)?;
                for letter in &letters {
                    output.line(&writer.redrive(letter).await?)?;
                }
                Ok(())
            }
            Chosen::Parked(parked, keys) => {
                request(parked, &keys, Action::Redrive, &actor.name()?, None, output).await
            }
        },
        What::Discard {
            letters,
            with_later,
            note,
            actor,
        } => match letters.find(kafka, false).await? {
            Chosen::Commands(topics, letters) => {
                let letters = open(letters)?;
                let writer = LetterWriter::new(kafka, topics, actor.name()?)?;
                for letter in &letters {
                    output.line(&writer.discard(letter, note.as_deref()).await?)?;
                }
                Ok(())
            }
            Chosen::Parked(parked, keys) => {
                let action = if with_later {
                    Action::DiscardAll
                } else {
                    Action::Discard
                };
                let note = note.as_deref();
                request(parked, &keys, action, &actor.name()?, note, output).await
            }
        },
    }
}

/// Returns the number of parked facts of each policy that has letters.
pub(crate) async fn open_letters(kafka: &KafkaConfig) -> Result<Vec<(String, usize)>> {
    let mut open = Vec::new();
    for group in facts::groups(kafka).await? {
        let found = letters(kafka, &Topics::new(&kafka.topic_prefix, &group)).await?;
        let parked = found.iter().filter(|letter| letter.is_parked());
        open.push((group, parked.count()));
    }
    Ok(open)
}

/// Returns the letters of one aggregate type or policy, or of all.
async fn of_commands(
    aggregates: &Aggregates,
    kafka: &KafkaConfig,
    aggregate: Option<&str>,
    all: bool,
) -> Result<Vec<Row>> {
    let names: Vec<String> = if let Some(name) = aggregate {
        vec![name.to_owned()]
    } else {
        let contracts = aggregates.contracts()?.into_iter();
        let names = contracts.map(|contract| contract.aggregate.to_owned());
        names.chain(facts::groups(kafka).await?).collect()
    };
    let mut rows = Vec::new();
    for name in &names {
        let found = letters(kafka, &Topics::new(&kafka.topic_prefix, name)).await?;
        let shown = found.iter().filter(|letter| all || letter.mark.is_none());
        rows.extend(shown.map(|letter| letter.row(name)));
    }
    Ok(rows)
}

/// Returns the parked keys of one view, or of all.
async fn of_views(source: &Source, kafka: &KafkaConfig, all: bool) -> Result<Vec<Row>> {
    let view = source.view.as_deref();
    let reading = async {
        let mut parked = source.parked(kafka).await?;
        let mut rows = Vec::new();
        if all {
            rows.extend(parked.settled(view).await?);
        }
        let open = parked.open(view).await?;
        rows.extend(open.iter().map(ParkedKey::row));
        Ok(rows)
    };
    during("reading", reading).await
}

/// Asks the projectors for an action, key by key. Fails if a key is still parked afterwards.
async fn request(
    mut parked: ParkedKeys,
    keys: &[ParkedKey],
    action: Action,
    actor: &str,
    note: Option<&str>,
    output: &Output,
) -> Result<()> {
    let mut requests = Vec::new();
    for key in keys {
        requests.push((key, parked.request(key, action, actor, note).await?));
    }
    let mut remain = 0;
    for (key, id) in requests {
        let result = parked.result(key, action, id);
        let (row, is_done) = during("waiting for the projector", result).await?;
        output.line(&row)?;
        remain += usize::from(!is_done);
    }
    ensure!(
        remain == 0,
        "{remain} of {} keys are still parked",
        keys.len()
    );
    Ok(())
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
            bail!("{} was already {mark}", letter.key);
        }
    }
    Ok(letters)
}
