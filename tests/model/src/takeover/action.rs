//! The steps of the takeover model, and their descriptions in a counterexample.

use std::fmt::{Display, Formatter, Result};

use super::state::{DEADLINE, Id, Record, Who};

/// A step of the model.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the `Display` impl describes each")]
pub enum Action {
    Crash(Who),
    Restart(Who),
    Init(Who),
    SessionEnds(Who),
    MovePartition(Who),
    Rebalance,
    Hear(Who),
    Join(Who),
    JoinAgain(Who),
    Assign(Who),
    Revoke(Who),
    Lose(Who),
    Take(Who),
    AskOffset(Who, u8),
    Capture(Who, usize),
    Read(Who, usize),
    Begin(Who, Vec<Record>, Option<u8>),
    DecideNext(Who, Vec<Record>, u8),
    BeginNext(Who),
    Append(Who, Record),
    Offer(Who, Option<u8>),
    Refuse(Who),
    OtherMember(Who),
    Commit(Who),
    GiveUp(Who),
    TimeOut(Who),
    MarkLog(Who, bool),
    MarkOffsets(Who, bool),
}

struct Name(Who);

impl Display for Name {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        write!(to, "{}", ["A", "B", "C"].get(self.0).unwrap_or(&"another"))
    }
}

/// Describes a record.
pub fn describe(record: Record) -> String {
    format!("{} (version {})", named(record.id), record.version)
}

/// Describes a command or the deadline.
pub fn named(id: Id) -> String {
    match id {
        DEADLINE => "the deadline".to_owned(),
        command => format!("command {command}"),
    }
}

fn list(records: &[Record]) -> String {
    if records.is_empty() {
        return "no events".to_owned();
    }
    let records: Vec<String> = records.iter().copied().map(describe).collect();
    records.join(", ")
}

fn ended(commit: bool) -> &'static str {
    if commit { "committed" } else { "aborted" }
}

impl Display for Action {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        match self {
            Self::Crash(who) => write!(to, "{} is killed", Name(*who)),
            Self::Restart(who) => write!(to, "{} restarts", Name(*who)),
            Self::Init(who) => write!(
                to,
                "{}'s new producer aborts its predecessor's transaction",
                Name(*who)
            ),
            Self::SessionEnds(who) => write!(to, "the session of {} expires", Name(*who)),
            Self::MovePartition(who) => {
                write!(to, "the group asks {} to revoke the partition", Name(*who))
            }
            Self::Rebalance => write!(to, "the group begins a new generation"),
            Self::Hear(who) => write!(to, "{}'s client learns of the generation", Name(*who)),
            Self::Join(who) => write!(to, "{} joins the group", Name(*who)),
            Self::JoinAgain(who) => write!(
                to,
                "{}'s client rejoins with a new member id, and its worker does not know yet",
                Name(*who)
            ),
            Self::Assign(who) => write!(to, "the group assigns the partition to {}", Name(*who)),
            Self::Revoke(who) => write!(to, "{} revokes the partition", Name(*who)),
            Self::Lose(who) => write!(to, "{} learns that it has lost the partition", Name(*who)),
            Self::Take(who) => write!(to, "{} starts to recover the partition", Name(*who)),
            Self::AskOffset(who, offset) => {
                write!(to, "{} fetches the committed offset: {offset}", Name(*who))
            }
            Self::Capture(who, end) => {
                write!(to, "{} captures the end of the log: {end}", Name(*who))
            }
            Self::Read(who, count) => write!(
                to,
                "{} has read the log: {count} records; it is ready",
                Name(*who)
            ),
            Self::Begin(who, records, next) => {
                let records = list(records);
                match next {
                    Some(next) => write!(
                        to,
                        "{} decides {records}; the next command is {next}",
                        Name(*who)
                    ),
                    None => write!(to, "{} decides {records}, without an offset", Name(*who)),
                }
            }
            Self::DecideNext(who, records, next) => {
                let (who, records) = (Name(*who), list(records));
                write!(
                    to,
                    "{who} decides {records} meanwhile; the next command is {next}"
                )
            }
            Self::BeginNext(who) => {
                write!(to, "{} begins the batch that it has decided", Name(*who))
            }
            Self::Append(who, record) => {
                write!(to, "{}'s {} is appended", Name(*who), describe(*record))
            }
            Self::Offer(who, Some(next)) => {
                write!(to, "{}'s offset {next} is accepted", Name(*who))
            }
            Self::Offer(who, None) => write!(to, "{} has no offset to send", Name(*who)),
            Self::Refuse(who) => write!(
                to,
                "{}'s offset is refused: wrong generation; it aborts",
                Name(*who)
            ),
            Self::OtherMember(who) => write!(
                to,
                "{} has a new member id since the assignment; it aborts and restarts",
                Name(*who)
            ),
            Self::Commit(who) => write!(
                to,
                "{}'s transaction is committed; it adopts the state",
                Name(*who)
            ),
            Self::GiveUp(who) => write!(to, "{}'s transaction fails; it aborts", Name(*who)),
            Self::TimeOut(who) => write!(
                to,
                "{}'s transaction has timed out and is aborted; its producer is fenced",
                Name(*who)
            ),
            Self::MarkLog(who, commit) => write!(
                to,
                "the log has the marker: {}'s records are {}",
                Name(*who),
                ended(*commit)
            ),
            Self::MarkOffsets(who, commit) => write!(
                to,
                "the offsets have the marker: {}'s offset is {}",
                Name(*who),
                ended(*commit)
            ),
        }
    }
}
