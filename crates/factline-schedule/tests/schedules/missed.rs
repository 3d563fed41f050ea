//! Occurrences that are decided late: after downtime, and after a clock has jumped.

use chrono::TimeDelta;
use factline::testing::{Given, given};
use factline_schedule::MissedPolicy::{self, Last, Run, Skip};
use factline_schedule::{OccurrencesSkipped, Schedule, SchedulePaused};

use super::{ID, created, cron, due, micros};

/// Starts from a schedule that occurs every hour and has missed the hours from nine o'clock.
fn hourly(missed: MissedPolicy) -> Given<Schedule> {
    let rule = cron("0 * * * *", "UTC");
    given::<Schedule>([created(rule, missed, "2026-05-01T09:00:00Z").into()])
}

fn skipped(first: &str, last: &str, count: i64, next: Option<&str>) -> OccurrencesSkipped {
    OccurrencesSkipped {
        schedule_id: ID,
        first: micros(first),
        last: micros(last),
        count,
        next: next.map(micros),
    }
}

#[test]
fn occurrence_in_time_runs_under_every_policy() {
    for missed in [Skip, Last, Run] {
        let seconds = 60;
        hourly(missed)
            .late_by(TimeDelta::seconds(seconds))
            .when_due()
            .then([due(
                1,
                "2026-05-01T09:00:00Z",
                "2026-05-01T09:01:00Z",
                Some("2026-05-01T10:00:00Z"),
            )
            .into()]);
    }
}

#[test]
fn run_decides_the_first_missed_occurrence_late() {
    hourly(Run)
        .late_by(TimeDelta::minutes(190))
        .when_due()
        .then([due(
            1,
            "2026-05-01T09:00:00Z",
            "2026-05-01T12:10:00Z",
            Some("2026-05-01T10:00:00Z"),
        )
        .into()]);
}

#[test]
fn skip_leaves_out_all_missed_occurrences() {
    hourly(Skip)
        .late_by(TimeDelta::minutes(190))
        .when_due()
        .then([skipped(
            "2026-05-01T09:00:00Z",
            "2026-05-01T12:00:00Z",
            4,
            Some("2026-05-01T13:00:00Z"),
        )
        .into()]);
}

#[test]
fn skip_leaves_the_occurrence_that_is_in_time() {
    hourly(Skip)
        .late_by(TimeDelta::seconds(3 * 3_600 + 30))
        .when_due()
        .then([skipped(
            "2026-05-01T09:00:00Z",
            "2026-05-01T11:00:00Z",
            3,
            Some("2026-05-01T12:00:00Z"),
        )
        .into()]);
}

#[test]
fn last_runs_the_newest_occurrence() {
    hourly(Last)
        .late_by(TimeDelta::minutes(190))
        .when_due()
        .then([
            skipped(
                "2026-05-01T09:00:00Z",
                "2026-05-01T11:00:00Z",
                3,
                Some("2026-05-01T12:00:00Z"),
            )
            .into(),
            due(
                4,
                "2026-05-01T12:00:00Z",
                "2026-05-01T12:10:00Z",
                Some("2026-05-01T13:00:00Z"),
            )
            .into(),
        ]);
}

#[test]
fn last_runs_a_single_missed_occurrence() {
    hourly(Last)
        .late_by(TimeDelta::minutes(10))
        .when_due()
        .then([due(
            1,
            "2026-05-01T09:00:00Z",
            "2026-05-01T09:10:00Z",
            Some("2026-05-01T10:00:00Z"),
        )
        .into()]);
}

#[test]
fn long_downtime_is_left_out_in_parts() {
    for missed in [Skip, Last] {
        hourly(missed)
            .late_by(TimeDelta::days(100))
            .when_due()
            .then([skipped(
                "2026-05-01T09:00:00Z",
                "2026-06-12T00:00:00Z",
                1_000,
                Some("2026-06-12T01:00:00Z"),
            )
            .into()]);
    }
}

#[test]
fn last_missed_occurrence_of_a_rule_ends_it() {
    let mut rule = cron("0 * * * *", "UTC");
    rule.until = Some(micros("2026-05-01T10:00:00Z"));
    let history = |missed| [created(rule.clone(), missed, "2026-05-01T09:00:00Z").into()];
    let late = TimeDelta::days(1);
    let (first, last) = ("2026-05-01T09:00:00Z", "2026-05-01T10:00:00Z");
    let skips = given::<Schedule>(history(Skip)).late_by(late).when_due();
    skips.then([skipped(first, last, 2, None).into()]);
    let runs = given::<Schedule>(history(Last)).late_by(late).when_due();
    let clock = "2026-05-02T09:00:00Z";
    runs.then([
        skipped(first, first, 1, Some(last)).into(),
        due(2, last, clock, None).into(),
    ]);
}

/// A rule that was readable when the schedule was created, and is not any more.
#[test]
fn rule_that_cannot_be_read_pauses_the_schedule() {
    let rule = cron("0 * * * *", "Europe/Atlantis");
    let history = [created(rule, Run, "2026-05-01T09:00:00Z").into()];
    let paused = SchedulePaused { schedule_id: ID };
    given::<Schedule>(history).when_due().then([paused.into()]);
}
