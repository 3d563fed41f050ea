//! The instants of a rule: one instant, or those of a cron expression in a time zone.
//!
//! The crates `croner` and `chrono-tz` read cron expressions and time zones. `chrono-tz` contains
//! the IANA database of its release, so an instant does not depend on the machine. Events record
//! each instant, because another release may compute another one.
//!
//! On a day on which clocks change, an expression with fixed hours, minutes and seconds occurs
//! once: a time that does not exist is moved to the first one that does, and of a time that exists
//! twice the first counts. An expression with `*` or a step in one of these fields follows the
//! clock on the wall: it leaves out the times that do not exist, and repeats those that exist
//! twice.

use chrono::{DateTime, SubsecRound as _};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use factline::Timestamp;

use crate::{Rejection, ScheduleRule};

/// Maximum number of bytes of a cron expression.
const LONGEST: usize = 200;

/// A rule that has been read.
#[derive(Debug, Clone)]
pub struct Calendar {
    kind: Kind,
    until: Option<Timestamp>,
}

#[derive(Debug, Clone)]
enum Kind {
    At(Timestamp),
    Cron { cron: Box<Cron>, zone: Tz },
}

impl Calendar {
    /// Reads a rule.
    pub fn read(rule: &ScheduleRule) -> Result<Self, Rejection> {
        let zone: Tz = rule
            .time_zone
            .parse()
            .map_err(|_| Rejection::UnknownTimeZone)?;
        let kind = match (rule.at, &rule.cron) {
            (Some(at), None) => {
                // Handlers keep times in milliseconds.
                let at = instant(at).ok_or(Rejection::NeverOccurs)?;
                Kind::At(at.trunc_subsecs(3))
            }
            (None, Some(cron)) => Kind::Cron {
                cron: Box::new(self::cron(cron)?),
                zone,
            },
            _ => return Err(Rejection::IncompleteRule),
        };
        let until = rule
            .until
            .map(|until| instant(until).ok_or(Rejection::NeverOccurs));
        let until = until.transpose()?;
        Ok(Self { kind, until })
    }

    /// Returns the first instant after a time; none if the rule has no further one.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let next = match &self.kind {
            Kind::At(at) => *at,
            Kind::Cron { cron, zone } => {
                let whole = time.trunc_subsecs(0).with_timezone(zone);
                let found = cron.find_next_occurrence(&whole, false).ok()?;
                found.to_utc()
            }
        };
        let is_within = self.until.is_none_or(|until| next <= until);
        (next > time && is_within).then_some(next)
    }
}

fn cron(text: &str) -> Result<Cron, Rejection> {
    let invalid = |reason: &str| Rejection::InvalidCron {
        reason: reason.to_owned(),
    };
    if text.len() > LONGEST || !text.is_ascii() {
        return Err(invalid("at most 200 characters of ASCII"));
    }
    let parser = CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .build();
    parser.parse(text).map_err(|error| match error {
        // Only these errors do not repeat what the client has sent.
        croner::errors::CronError::EmptyPattern => invalid("it is empty"),
        _ => invalid("5 fields are needed, or 6 with seconds first"),
    })
}

/// Returns an instant of a record.
pub(crate) fn instant(micros: i64) -> Option<Timestamp> {
    DateTime::from_timestamp_micros(micros)
}
