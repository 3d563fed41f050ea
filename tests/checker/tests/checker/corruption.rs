//! Single changes of a history that the checker must detect.

use checker::{History, Records, Shown};
use factline::outcome::State;
use proptest::sample::Index;
use serde_json::json;
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Corruption {
    LoseCommand,
    LoseEvent,
    DoubleEvent,
    SwapEvents,
    ChangeVersion,
    ChangeSequence,
    ChangeEvent,
    MoveEvent,
    LoseOutcome,
    DoubleOutcome,
    SwapOutcomes,
    ChangeState,
    ChangeCode,
    ChangeOutcomesVersion,
    ChangePosition,
    ChangeTime,
    LoseLetter,
    TrackOtherState,
    TrackOtherVersion,
    TrackOtherPosition,
    TrackNothing,
    TrackTooMuch,
    SeeOtherEnd,
    SeeTooEarly,
    StaleRow,
    LoseRow,
    InventRow,
    ReadOlder,
    KeepMoney,
    AcceptNothing,
}

use Corruption as C;

/// All kinds.
pub(crate) const KINDS: [C; 30] = [
    C::LoseCommand,
    C::LoseEvent,
    C::DoubleEvent,
    C::SwapEvents,
    C::ChangeVersion,
    C::ChangeSequence,
    C::ChangeEvent,
    C::MoveEvent,
    C::LoseOutcome,
    C::DoubleOutcome,
    C::SwapOutcomes,
    C::ChangeState,
    C::ChangeCode,
    C::ChangeOutcomesVersion,
    C::ChangePosition,
    C::ChangeTime,
    C::LoseLetter,
    C::TrackOtherState,
    C::TrackOtherVersion,
    C::TrackOtherPosition,
    C::TrackNothing,
    C::TrackTooMuch,
    C::SeeOtherEnd,
    C::SeeTooEarly,
    C::StaleRow,
    C::LoseRow,
    C::InventRow,
    C::ReadOlder,
    C::KeepMoney,
    C::AcceptNothing,
];

/// Returns the history with one change; none if the history offers no place for it.
pub(crate) fn corrupt(history: &History, how: C, which: Index) -> Option<History> {
    let mut changed = history.clone();
    let done = match how {
        C::LoseCommand
        | C::LoseEvent
        | C::DoubleEvent
        | C::SwapEvents
        | C::ChangeVersion
        | C::ChangeSequence
        | C::ChangeEvent
        | C::MoveEvent => in_commands_or_events(&mut changed, how, which),
        C::LoseOutcome
        | C::DoubleOutcome
        | C::SwapOutcomes
        | C::ChangeState
        | C::ChangeCode
        | C::ChangeOutcomesVersion
        | C::ChangePosition
        | C::ChangeTime
        | C::LoseLetter => in_outcomes(&mut changed, how, which),
        C::TrackOtherState
        | C::TrackOtherVersion
        | C::TrackOtherPosition
        | C::TrackNothing
        | C::TrackTooMuch => in_tracker(&mut changed, how, which),
        C::SeeOtherEnd
        | C::SeeTooEarly
        | C::StaleRow
        | C::LoseRow
        | C::InventRow
        | C::ReadOlder
        | C::KeepMoney
        | C::AcceptNothing => in_what_is_read(&mut changed, how, which),
    };
    done.map(|()| changed)
}

/// Returns one of the logs that satisfy `has`.
fn log(history: &mut History, which: Index, has: fn(&Records) -> bool) -> Option<&mut Records> {
    let mut logs: Vec<_> = history.logs.values_mut().filter(|log| has(log)).collect();
    (!logs.is_empty()).then(|| logs.swap_remove(which.index(logs.len())))
}

fn in_commands_or_events(history: &mut History, how: C, which: Index) -> Option<()> {
    if how == C::LoseCommand {
        let log = log(history, which, |log| !log.commands.is_empty())?;
        let lost = log.commands[which.index(log.commands.len())].operation;
        // A command that was sent twice is still present after one of its records is removed.
        log.commands.retain(|command| command.operation != lost);
        return Some(());
    }
    let log = log(history, which, |log| !log.events.is_empty())?;
    let events = &mut log.events;
    let at = which.index(events.len());
    match how {
        C::LoseEvent => drop(events.remove(at)),
        C::DoubleEvent => {
            let double = events[at].clone();
            events.insert(at + 1, double);
        }
        C::SwapEvents => {
            let partition = events[at].partition;
            let other =
                (at + 1..events.len()).find(|other| events[*other].partition == partition)?;
            events.swap(at, other);
            let (one, two) = (events[at].offset, events[other].offset);
            (events[at].offset, events[other].offset) = (two, one);
        }
        C::ChangeVersion => *events[at].envelope.as_mut()?.sequence.as_mut()? += 1,
        C::ChangeSequence => *events[at].envelope.as_mut()?.partition_sequence.as_mut()? += 1,
        C::ChangeEvent => {
            let fields = events[at].value.as_mut()?.as_object_mut()?;
            let texts = fields.values_mut().filter(|value| value.is_string());
            let mut texts: Vec<_> = texts.collect();
            let text = texts.last_mut()?;
            // The value stays a UUID if it was one.
            **text = json!(
                text.as_str()
                    .unwrap_or_default()
                    .replace(['0', 'a', 'e'], "1")
            );
        }
        _ => {
            // Moves it to the operation of another command.
            let other = log
                .commands
                .iter()
                .find(|other| other.operation != events[at].operation)?;
            events[at].operation = other.operation;
            events[at].envelope.as_mut()?.operation = other.operation;
        }
    }
    Some(())
}

fn in_outcomes(history: &mut History, how: C, which: Index) -> Option<()> {
    if how == C::LoseLetter {
        let log = log(history, which, |log| !log.dead_letters.is_empty())?;
        log.dead_letters.remove(which.index(log.dead_letters.len()));
        return Some(());
    }
    let log = log(history, which, |log| !log.outcomes.is_empty())?;
    let outcomes = &mut log.outcomes;
    let at = which.index(outcomes.len());
    let outcome = outcomes[at].value.clone()?;
    let now = outcomes[at].value.as_mut()?;
    match how {
        C::LoseOutcome => drop(outcomes.remove(at)),
        C::DoubleOutcome => {
            let double = outcomes[at].clone();
            outcomes.insert(at + 1, double);
        }
        C::SwapOutcomes => {
            let partition = outcomes[at].partition;
            let other =
                (at + 1..outcomes.len()).find(|other| outcomes[*other].partition == partition)?;
            outcomes.swap(at, other);
            let (one, two) = (outcomes[at].offset, outcomes[other].offset);
            (outcomes[at].offset, outcomes[other].offset) = (two, one);
        }
        C::ChangeState => {
            now.state = match outcome.state {
                State::Completed => State::Rejected,
                _ => State::Completed,
            };
        }
        C::ChangeCode => now.code = Some("another".to_owned()),
        C::ChangeOutcomesVersion => now.version = Some(outcome.version.unwrap_or_default() + 1),
        C::ChangePosition => {
            outcome.version?;
            now.position = None;
        }
        _ => now.decided_at -= 3_600_000_000 * 24 * 30,
    }
    Some(())
}

fn in_tracker(history: &mut History, how: C, which: Index) -> Option<()> {
    if how == C::TrackTooMuch {
        let tracked = history.tracker.values().next()?.clone();
        history.tracker.insert(Uuid::from_u128(u128::MAX), tracked);
        return Some(());
    }
    if history.tracker.is_empty() {
        return None;
    }
    let at = which.index(history.tracker.len());
    let operation = *history.tracker.keys().nth(at)?;
    let tracked = history.tracker.get_mut(&operation)?;
    match how {
        C::TrackOtherState => {
            tracked.state = match tracked.state {
                State::Completed => State::Pending,
                _ => State::Completed,
            };
        }
        C::TrackOtherVersion => tracked.version = Some(tracked.version.unwrap_or_default() + 1),
        C::TrackOtherPosition => tracked.position = Some("1abc".to_owned()),
        _ => drop(history.tracker.remove(&operation)),
    }
    Some(())
}

fn in_what_is_read(history: &mut History, how: C, which: Index) -> Option<()> {
    match how {
        C::SeeOtherEnd => {
            let seen = &mut history.observations;
            let at = (!seen.is_empty()).then(|| which.index(seen.len()))?;
            seen[at].status.code = Some("another".to_owned());
        }
        C::SeeTooEarly => return see_too_early(history, which),
        C::StaleRow | C::LoseRow | C::InventRow => return in_rows(history, how, which),
        C::ReadOlder => {
            let reads = history.reads.iter_mut();
            let mut reads: Vec<_> = reads.filter(|read| read.answer != Shown::Missing).collect();
            let at = (!reads.is_empty()).then(|| which.index(reads.len()))?;
            let Shown::Row(row) = &mut reads[at].answer else {
                return None;
            };
            row["version"] = json!(row["version"].as_u64()? - 1);
        }
        C::KeepMoney => history.provider.as_mut()?.get_mut("EUR")?.captured += 1,
        _ => {
            let requests = &mut history.requests;
            let at = (!requests.is_empty()).then(|| which.index(requests.len()))?;
            requests[at].answer = checker::Answer::Accepted {
                operation: Uuid::from_u128(u128::MAX),
            };
        }
    }
    Some(())
}

/// Makes the later of two operations of one partition appear ended before the earlier was
/// requested.
fn see_too_early(history: &mut History, which: Index) -> Option<()> {
    let asked: Vec<(Uuid, std::time::Duration)> = history
        .requests
        .iter()
        .filter_map(|request| match request.answer {
            checker::Answer::Accepted { operation } if request.idempotency_key.is_none() => {
                Some((operation, request.start))
            }
            _ => None,
        })
        .collect();
    let mut pairs = Vec::new();
    for log in history.logs.values() {
        for (number, earlier) in log.outcomes.iter().enumerate() {
            let Some((_, start)) = asked.iter().find(|(known, _)| *known == earlier.operation)
            else {
                continue;
            };
            let later = log.outcomes[number + 1..].iter();
            let later = later.filter(|later| {
                let ended = later
                    .value
                    .as_ref()
                    .is_some_and(|outcome| outcome.state.is_terminal());
                later.partition == earlier.partition
                    && later.operation != earlier.operation
                    && ended
            });
            pairs.extend(later.map(|later| (later.operation, *start)));
        }
    }
    let (later, start) = *pairs.get((!pairs.is_empty()).then(|| which.index(pairs.len()))?)?;
    let seen = history
        .observations
        .iter_mut()
        .find(|seen| seen.operation == later)?;
    seen.at = start.checked_sub(std::time::Duration::from_micros(1))?;
    Some(())
}

fn in_rows(history: &mut History, how: C, which: Index) -> Option<()> {
    let views = history.views.values_mut();
    let mut views: Vec<_> = views.filter(|rows| !rows.is_empty()).collect();
    let at = (!views.is_empty()).then(|| which.index(views.len()))?;
    let rows = &mut *views[at];
    let key = rows.keys().nth(which.index(rows.len()))?.clone();
    match how {
        C::StaleRow => {
            let fields = rows.get_mut(&key)?.as_object_mut()?;
            let number = fields.values_mut().find(|value| value.is_i64())?;
            *number = json!(number.as_i64()? - 1);
        }
        C::LoseRow => drop(rows.remove(&key)),
        _ => {
            let row = rows.get(&key)?.clone();
            rows.insert("another".to_owned(), row);
        }
    }
    Some(())
}
