//! The instants of rules: time zones, days on which clocks change, ends of months, leap days.

use factline_schedule::{Calendar, Rejection, ScheduleRule};

use super::{at, cron, micros, once};

/// Returns the first instants after a time.
fn instants(rule: &ScheduleRule, after: &str, count: usize) -> Vec<String> {
    let calendar = Calendar::read(rule).unwrap();
    let next = std::iter::successors(calendar.next_after(at(after)), |last| {
        calendar.next_after(*last)
    });
    let text =
        |time: factline::Timestamp| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    next.take(count).map(text).collect()
}

#[test]
fn working_days_follow_the_time_zone() {
    let rule = cron("30 9 * * MON-FRI", "Europe/Berlin");
    // A Friday.
    let found = instants(&rule, "2026-03-27T08:29:59Z", 2);
    // In the summer the clocks of Berlin are an hour further ahead.
    assert_eq!(found, ["2026-03-27T08:30:00Z", "2026-03-30T07:30:00Z"]);
    let tokyo = cron("30 9 * * *", "Asia/Tokyo");
    assert_eq!(
        instants(&tokyo, "2026-03-27T08:30:00Z", 1),
        ["2026-03-28T00:30:00Z"]
    );
}

#[test]
fn time_that_does_not_exist_moves_to_the_first_that_does() {
    let daily = cron("30 2 * * *", "Europe/Berlin");
    let found = instants(&daily, "2026-03-28T01:00:00Z", 3);
    let moved = "2026-03-29T01:00:00Z";
    assert_eq!(
        found,
        ["2026-03-28T01:30:00Z", moved, "2026-03-30T00:30:00Z"]
    );
}

#[test]
fn time_that_exists_twice_occurs_once() {
    let daily = cron("30 2 * * *", "Europe/Berlin");
    let found = instants(&daily, "2026-10-24T01:00:00Z", 3);
    let first = "2026-10-25T00:30:00Z";
    assert_eq!(
        found,
        [
            "2026-10-25T00:30:00Z",
            "2026-10-26T01:30:00Z",
            "2026-10-27T01:30:00Z"
        ]
    );
    // Between the two half past twos.
    assert_eq!(instants(&daily, first, 1), ["2026-10-26T01:30:00Z"]);
}

#[test]
fn interval_follows_the_clock_on_the_wall() {
    let half_hourly = cron("*/30 * * * *", "Europe/Berlin");
    let spring = instants(&half_hourly, "2026-03-29T00:00:00Z", 3);
    assert_eq!(
        spring,
        [
            "2026-03-29T00:30:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-29T01:30:00Z"
        ]
    );
    let autumn = instants(&half_hourly, "2026-10-24T23:45:00Z", 6);
    assert_eq!(
        autumn,
        [
            "2026-10-25T00:00:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T01:30:00Z",
            "2026-10-25T02:00:00Z",
            "2026-10-25T02:30:00Z"
        ]
    );
}

#[test]
fn last_day_of_each_month_and_leap_days_occur() {
    let ends = instants(&cron("0 0 L * *", "UTC"), "2027-12-31T00:00:00Z", 3);
    assert_eq!(
        ends,
        [
            "2028-01-31T00:00:00Z",
            "2028-02-29T00:00:00Z",
            "2028-03-31T00:00:00Z"
        ]
    );
    let leap = instants(&cron("0 12 29 2 *", "UTC"), "2026-01-01T00:00:00Z", 2);
    assert_eq!(leap, ["2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z"]);
    let rare = instants(&cron("0 0 31 * *", "UTC"), "2026-01-31T00:00:00Z", 2);
    assert_eq!(rare, ["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"]);
}

#[test]
fn seconds_occur_after_a_time_between_them() {
    let found = instants(&cron("* * * * * *", "UTC"), "2026-01-01T00:00:00.5Z", 2);
    assert_eq!(found, ["2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"]);
}

#[test]
fn instant_occurs_once_and_the_end_of_a_rule_still_occurs() {
    let rule = once("2026-05-01T10:00:00.25Z");
    assert_eq!(
        instants(&rule, "2026-05-01T10:00:00Z", 9),
        ["2026-05-01T10:00:00.250Z"]
    );
    let ended = ScheduleRule {
        until: Some(micros("2026-01-03T00:00:00Z")),
        ..cron("0 0 * * *", "UTC")
    };
    assert_eq!(
        instants(&ended, "2026-01-01T12:00:00Z", 9),
        ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]
    );
}

#[test]
fn day_that_never_comes_is_no_instant() {
    for never in ["0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
        assert!(instants(&cron(never, "Europe/Berlin"), "2026-01-01T00:00:00Z", 1).is_empty());
    }
}

#[test]
fn single_instant_is_in_whole_milliseconds() {
    let rule = once("2026-05-01T09:00:00.000900Z");
    let found = instants(&rule, "2026-05-01T08:59:59Z", 2);
    assert_eq!(found, ["2026-05-01T09:00:00Z"]);
}

/// The search ends at a year of the crate, so a handler may decide it.
#[test]
fn expression_without_a_day_never_occurs() {
    for text in ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
        let found = instants(&cron(text, "Europe/Berlin"), "2026-05-01T00:00:00Z", 1);
        assert_eq!(found, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn unreadable_rule_is_refused() {
    let read = |rule: &ScheduleRule| Calendar::read(rule).err();
    for text in [
        "",
        "x",
        "61 * * * *",
        "* * * *",
        "* * * * * * * *",
        // A year.
        "0 0 0 1 1 * 2030",
        "0 0 0 0 0",
        &"* ".repeat(200),
    ] {
        let refused = read(&cron(text, "UTC"));
        assert!(
            matches!(refused, Some(Rejection::InvalidCron { .. })),
            "{text}: {refused:?}"
        );
    }
    let unknown = Some(Rejection::UnknownTimeZone);
    assert_eq!(read(&cron("* * * * *", "Europe/Atlantis")), unknown);
    let both = ScheduleRule {
        at: Some(0),
        ..cron("* * * * *", "UTC")
    };
    let endless = ScheduleRule {
        until: Some(i64::MIN),
        ..cron("* * * * *", "UTC")
    };
    assert_eq!(read(&endless), Some(Rejection::NeverOccurs));
    let neither = ScheduleRule {
        cron: None,
        ..cron("", "UTC")
    };
    for incomplete in [both, neither] {
        assert_eq!(read(&incomplete), Some(Rejection::IncompleteRule));
    }
}
