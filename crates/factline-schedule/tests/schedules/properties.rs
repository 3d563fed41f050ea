//! Properties of any rule under any clock.

use chrono::{DateTime, TimeDelta};
use factline::testing::withstands;
use factline::{Aggregate as _, Context, Timestamp};
use factline_schedule::schedule::{Command, Event};
use factline_schedule::{
    Calendar, CreateSchedule, DecideOccurrence, DeleteSchedule, MissedPolicy, PauseSchedule,
    ResumeSchedule, RunSchedule, Schedule, ScheduleRule,
};
use proptest::prelude::*;

use super::{ID, create, cron};

const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    // Half an hour of summer time.
    "Australia/Lord_Howe",
    // A day that did not exist.
    "Pacific/Apia",
    "Asia/Kathmandu",
];

fn rules() -> impl Strategy<Value = ScheduleRule> {
    let field = |values: std::ops::RangeInclusive<u32>| {
        prop_oneof![
            Just("*".to_owned()),
            (2..30_u32).prop_map(|step| format!("*/{step}")),
            values.prop_map(|value| value.to_string()),
        ]
    };
    let day = prop_oneof![
        3 => Just("*".to_owned()),
        1 => (1..=31_u32).prop_map(|day| day.to_string()),
        1 => Just("L".to_owned()),
    ];
    let text = (field(0..=59), field(0..=59), field(0..=23), day)
        .prop_map(|(second, minute, hour, day)| format!("{second} {minute} {hour} {day} * *"));
    (text, prop::sample::select(&ZONES[..])).prop_map(|(text, zone)| cron(&text, zone))
}

/// Times of some decades, in microseconds.
fn times() -> impl Strategy<Value = Timestamp> {
    (946_684_800_000_000..2_524_608_000_000_000_i64)
        .prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap())
}

fn commands() -> impl Strategy<Value = Command> {
    let schedule_id = ID;
    let rule = rules();
    let missed = prop::sample::select(&[MissedPolicy::Skip, MissedPolicy::Last, MissedPolicy::Run]);
    prop_oneof![
        (rule, missed).prop_map(|(rule, missed)| {
            // Less than the deadlines that may follow each other without a command.
            let until = Some(90_000_000);
            let rule = ScheduleRule { until, ..rule };
            let create = create(rule);
            CreateSchedule { missed, ..create }.into()
        }),
        Just(PauseSchedule { schedule_id }.into()),
        Just(ResumeSchedule { schedule_id }.into()),
        Just(RunSchedule { schedule_id }.into()),
        Just(DecideOccurrence { schedule_id }.into()),
        Just(DeleteSchedule { schedule_id }.into()),
    ]
}

/// Returns the instants that an event decides.
fn decided(event: &Event, calendar: &Calendar) -> Vec<i64> {
    match event {
        Event::OccurrenceDue(due) => vec![due.occurrence],
        Event::OccurrencesSkipped(skipped) => {
            let first = DateTime::from_timestamp_micros(skipped.first);
            let all = std::iter::successors(first, |last| calendar.next_after(*last));
            let all: Vec<_> = all
                .map(|instant| instant.timestamp_micros())
                .take_while(|instant| *instant <= skipped.last)
                .collect();
            assert_eq!(i64::try_from(all.len()), Ok(skipped.count));
            all
        }
        _ => Vec::new(),
    }
}

proptest! {
    #[test]
    fn instants_increase_and_leave_out_none(rule in rules(), after in times()) {
        let calendar = Calendar::read(&rule).unwrap();
        let Some(first) = calendar.next_after(after) else { return Ok(()) };
        prop_assert!(first > after);
        let Some(second) = calendar.next_after(first) else { return Ok(()) };
        prop_assert!(second > first);
        // From any time between the two, the second follows.
        let between = first + (second - first) / 2;
        prop_assert_eq!(calendar.next_after(between), Some(second));
    }

    /// Whatever the clock says at each decision, the decided instants are those of the rule, in
    /// order, each once.
    #[test]
    fn clocks_repeat_no_instant_and_lose_none(
        rule in rules(),
        missed in prop::sample::select(&[MissedPolicy::Skip, MissedPolicy::Last, MissedPolicy::Run]),
        created in times(),
        lateness in prop::collection::vec(-100_000..100_000_i64, 1..12),
    ) {
        let calendar = Calendar::read(&rule).unwrap();
        let command = CreateSchedule { missed, ..create(rule) };
        let Ok(decision) = Schedule::default().decide(command.into(), &Context::at(created)) else {
            return Ok(());
        };
        let mut schedule = decision.into_events().iter().fold(Schedule::default(), Schedule::evolve);
        let mut expected = calendar.next_after(created);
        for seconds in lateness {
            let Some(deadline) = schedule.deadline() else { break };
            let context = Context::of_deadline("anonymous", deadline.due);
            let context = context.late_by(TimeDelta::seconds(seconds));
            let events = schedule.decide(deadline.command, &context).unwrap().into_events();
            prop_assert!(!events.is_empty());
            for event in &events {
                for instant in decided(event, &calendar) {
                    prop_assert_eq!(Some(instant), expected.map(|next| next.timestamp_micros()));
                    expected = expected.and_then(|last| calendar.next_after(last));
                }
            }
            schedule = events.iter().fold(schedule, Schedule::evolve);
        }
        prop_assert_eq!(schedule.deadline().map(|deadline| deadline.due), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_commands_are_withstood(commands in prop::collection::vec(commands(), 0..12)) {
        withstands::<Schedule>(commands);
    }
}
