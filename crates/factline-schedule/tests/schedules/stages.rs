//! The stages of a schedule: created, paused, resumed, run now, finished, deleted.

use factline::testing::{Given, given};
use factline_schedule::schedule::Event;
use factline_schedule::{
    CreateSchedule, DecideOccurrence, DeleteSchedule, MissedPolicy, PauseSchedule, Rejection,
    ResumeSchedule, RunRequested, RunSchedule, Schedule, ScheduleCreated, ScheduleDeleted,
    SchedulePaused, ScheduleResumed, ScheduledCommand,
};

use super::{ID, at, command, create, created, cron, due, micros, once};

const DAILY: &str = "0 9 * * *";

fn daily() -> ScheduleCreated {
    created(
        cron(DAILY, "UTC"),
        MissedPolicy::Skip,
        "2026-05-01T09:00:00Z",
    )
}

fn paused() -> Vec<Event> {
    let paused = SchedulePaused { schedule_id: ID };
    vec![daily().into(), paused.into()]
}

fn finished() -> Vec<Event> {
    let instant = "2026-05-01T09:00:00Z";
    vec![
        created(once(instant), MissedPolicy::Skip, instant).into(),
        due(1, instant, instant, None).into(),
    ]
}

fn deleted() -> Vec<Event> {
    vec![daily().into(), ScheduleDeleted { schedule_id: ID }.into()]
}

/// Starts from a history, and asks as its creator.
fn by_ada(events: impl IntoIterator<Item = Event>) -> Given<Schedule> {
    given::<Schedule>(events)
        .by("ada")
        .at(at("2026-05-01T12:00:00Z"))
}

fn run_requested() -> RunRequested {
    RunRequested {
        schedule_id: ID,
        command: command(),
        actor: "ada".to_owned(),
        roles: vec!["librarian".to_owned()],
    }
}

#[test]
fn created_schedule_waits_for_its_first_instant() {
    given::<Schedule>([])
        .by("ada")
        .with_role("librarian")
        .at(at("2026-04-30T09:00:00Z"))
        .when(create(cron(DAILY, "UTC")))
        .then([daily().into()])
        .waking(
            at("2026-05-01T09:00:00Z"),
            DecideOccurrence { schedule_id: ID },
        );
}

#[test]
fn schedule_that_never_occurs_is_refused() {
    for rule in [cron("0 0 30 2 *", "UTC"), once("2026-05-01T12:00:00Z")] {
        by_ada([])
            .when(create(rule))
            .then_rejected(&Rejection::NeverOccurs);
    }
}

#[test]
fn wrong_contents_are_refused() {
    let refused = |change: fn(&mut CreateSchedule), rejection: Rejection| {
        let mut command = create(cron(DAILY, "UTC"));
        change(&mut command);
        by_ada([]).when(command).then_rejected(&rejection);
    };
    refused(
        |command| command.missed = MissedPolicy::Unknown,
        Rejection::UnknownMissedPolicy,
    );
    for (seconds, change) in [
        (
            0,
            (|command| command.missed_after_seconds = 0) as fn(&mut CreateSchedule),
        ),
        (604_801, |command| command.missed_after_seconds = 604_801),
    ] {
        let longest = 604_800;
        refused(
            change,
            Rejection::MissedAfterOutOfRange { seconds, longest },
        );
    }
    let invalid = |field| Rejection::InvalidCommand { field };
    refused(
        |command| command.request.data = "[]".to_owned(),
        invalid("data"),
    );
    refused(
        |command| command.request.data = "{".to_owned(),
        invalid("data"),
    );
    refused(
        |command| command.request.data = format!(r#"{{"note": "{}"}}"#, "x".repeat(16 * 1024)),
        invalid("data"),
    );
    refused(
        |command| command.request.record = String::new(),
        invalid("record"),
    );
    refused(
        |command| command.request.aggregate_id = Some(String::new()),
        invalid("aggregate_id"),
    );
    refused(
        |command| command.request.time_to_live_ms = Some(0),
        invalid("time_to_live_ms"),
    );
    refused(
        |command| command.request.aggregate = "scheduling.schedule".to_owned(),
        Rejection::SchedulesSchedule,
    );
}

#[test]
fn second_creation_is_already_so_or_refused() {
    by_ada([daily().into()])
        .when(create(cron(DAILY, "UTC")))
        .then_nothing();
    let other = CreateSchedule {
        request: ScheduledCommand {
            aggregate_id: Some("b-2".to_owned()),
            ..command()
        },
        ..create(cron(DAILY, "UTC"))
    };
    let exists = Rejection::ScheduleExists;
    by_ada([daily().into()]).when(other).then_rejected(&exists);
    by_ada(deleted())
        .when(create(cron(DAILY, "UTC")))
        .then_rejected(&exists);
    let eve = given::<Schedule>([daily().into()]).by("eve");
    eve.when(create(cron(DAILY, "UTC"))).then_rejected(&exists);
}

#[test]
fn paused_schedule_has_no_deadline_and_no_late_occurrence() {
    let schedule_id = ID;
    by_ada([daily().into()])
        .when(PauseSchedule { schedule_id })
        .then([SchedulePaused { schedule_id }.into()]);
    assert_eq!(by_ada(paused()).deadline(), None);
    by_ada(paused())
        .when(PauseSchedule { schedule_id })
        .then_nothing();
    by_ada(paused())
        .when(DecideOccurrence { schedule_id })
        .then_nothing();
}

#[test]
fn resumed_schedule_continues_after_now_and_after_what_is_decided() {
    let schedule_id = ID;
    let resumed = |next| ScheduleResumed {
        schedule_id,
        next: Some(micros(next)),
    };
    by_ada(paused())
        .when(ResumeSchedule { schedule_id })
        .then([resumed("2026-05-02T09:00:00Z").into()])
        .waking(at("2026-05-02T09:00:00Z"), DecideOccurrence { schedule_id });
    // The clock was set back after the occurrence: its instant is not decided again.
    let decided = due(
        1,
        "2026-05-03T09:00:00Z",
        "2026-05-03T09:00:00Z",
        Some("2026-05-04T09:00:00Z"),
    );
    let events = [
        daily().into(),
        decided.into(),
        SchedulePaused { schedule_id }.into(),
    ];
    by_ada(events)
        .when(ResumeSchedule { schedule_id })
        .then([resumed("2026-05-04T09:00:00Z").into()]);
    by_ada([daily().into()])
        .when(ResumeSchedule { schedule_id })
        .then_nothing();
}

#[test]
fn schedule_runs_now_in_every_stage_and_keeps_its_deadline() {
    let schedule_id = ID;
    for events in [vec![daily().into()], paused(), finished()] {
        let before = by_ada(events.clone()).deadline();
        by_ada(events.clone())
            .when(RunSchedule { schedule_id })
            .then([run_requested().into()]);
        let after = by_ada(events.into_iter().chain([run_requested().into()]));
        assert_eq!(after.deadline(), before);
    }
}

#[test]
fn finished_schedule_occurs_no_more() {
    let schedule_id = ID;
    assert_eq!(by_ada(finished()).deadline(), None);
    let over = Rejection::ScheduleFinished;
    by_ada(finished())
        .when(PauseSchedule { schedule_id })
        .then_rejected(&over);
    by_ada(finished())
        .when(ResumeSchedule { schedule_id })
        .then_rejected(&over);
}

#[test]
fn deleted_schedule_is_not_found() {
    let schedule_id = ID;
    for events in [vec![daily().into()], paused(), finished()] {
        by_ada(events)
            .when(DeleteSchedule { schedule_id })
            .then([ScheduleDeleted { schedule_id }.into()]);
    }
    assert_eq!(by_ada(deleted()).deadline(), None);
    let gone = Rejection::ScheduleNotFound;
    for events in [vec![], deleted()] {
        let events = || by_ada(events.clone());
        events()
            .when(PauseSchedule { schedule_id })
            .then_rejected(&gone);
        events()
            .when(RunSchedule { schedule_id })
            .then_rejected(&gone);
        events()
            .when(DeleteSchedule { schedule_id })
            .then_rejected(&gone);
        events()
            .when(DecideOccurrence { schedule_id })
            .then_rejected(&gone);
    }
}

#[test]
fn only_the_creator_controls_a_schedule() {
    let schedule_id = ID;
    let eve = || given::<Schedule>([daily().into()]).by("eve");
    let refused = Rejection::NotCreator;
    eve()
        .when(PauseSchedule { schedule_id })
        .then_rejected(&refused);
    eve()
        .when(RunSchedule { schedule_id })
        .then_rejected(&refused);
    eve()
        .when(DeleteSchedule { schedule_id })
        .then_rejected(&refused);
}
