//! The schedule of faults: a pure function of a seed, so that a run with violations can be
//! repeated.
//!
//! It knows the roles but not the processes; `inject` injects the faults. To add a kind, add a
//! variant of [`Kind`] and of [`Fault`], and the arms that the compiler reports.

use std::fmt;
use std::time::Duration;

use factline_dev_servers::clock;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::roles::{self, ROLES, Role};

/// The kind of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Kind {
    /// SIGKILL.
    Kill,
    /// SIGSTOP for longer than a session lasts, then SIGCONT.
    Freeze,
    /// SIGTERM, one instance after another.
    RollingRestart,
    /// N, 1, N.
    Scale,
    /// SIGKILL of the broker.
    KillBroker,
    /// SIGSTOP of the broker.
    FreezeBroker,
    /// No bytes pass between a process and the broker.
    Cut,
    /// All bytes between a process and the broker are delayed.
    Delay,
    /// A transaction of a foreign producer stays open while partitions are taken over.
    OpenTransaction,
    /// PostgreSQL crashes.
    KillDatabase,
    /// The broker's disk becomes full in the middle of a write.
    FullDisk,
    /// The broker's clock is wrong by 61 minutes.
    Clock,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::Kill,
        Self::Freeze,
        Self::RollingRestart,
        Self::Scale,
        Self::KillBroker,
        Self::FreezeBroker,
        Self::FullDisk,
        Self::Cut,
        Self::Delay,
        Self::OpenTransaction,
        Self::KillDatabase,
        Self::Clock,
    ];

    /// Returns the kinds that can be injected on this machine.
    pub fn possible() -> Vec<Self> {
        let mut kinds = Self::ALL.to_vec();
        kinds.retain(|kind| kind.obstacle().is_none());
        kinds
    }

    /// Returns the reason for which the kind cannot be injected on this machine, if there is one.
    pub fn obstacle(self) -> Option<String> {
        match self {
            Self::FullDisk if !cfg!(target_os = "linux") => {
                Some("a full disk can be simulated on Linux only".to_owned())
            }
            Self::Clock => clock::library().err().map(|error| format!("{error:#}")),
            _ => None,
        }
    }
}

/// A topic of an aggregate type to which the foreign producer writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// `X.commands`
    Commands,
    /// `X.events`
    Events,
}

/// A fault, with its target and duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// [`Kind::Kill`]
    Kill {
        /// Target.
        instance: String,
        /// Time until the restart.
        away: Duration,
    },
    /// [`Kind::Freeze`]
    Freeze {
        /// Target.
        instance: String,
        /// Time until it continues.
        lasts: Duration,
    },
    /// [`Kind::RollingRestart`]
    RollingRestart {
        /// Target role.
        service: &'static str,
    },
    /// [`Kind::Scale`]
    Scale {
        /// Target role.
        service: &'static str,
        /// Time with a single instance.
        lasts: Duration,
    },
    /// [`Kind::KillBroker`]
    KillBroker {
        /// Time until the restart.
        away: Duration,
    },
    /// [`Kind::FreezeBroker`]
    FreezeBroker {
        /// Time until it continues.
        lasts: Duration,
    },
    /// [`Kind::Cut`]
    Cut {
        /// Target whose connection is cut.
        instance: String,
        /// Time until the connection is restored.
        lasts: Duration,
    },
    /// [`Kind::Delay`]
    Delay {
        /// Target whose connection is slow.
        instance: String,
        /// Delay in each direction.
        by: Duration,
        /// Time until the connection is restored.
        lasts: Duration,
    },
    /// [`Kind::OpenTransaction`]
    OpenTransaction {
        /// Aggregate type of the topic.
        aggregate: &'static str,
        /// The topic.
        stream: Stream,
        /// Time until the abort.
        lasts: Duration,
        /// A handler that is killed meanwhile.
        victim: String,
    },
    /// [`Kind::KillDatabase`]
    KillDatabase {
        /// Time until the restart.
        away: Duration,
    },
    /// [`Kind::FullDisk`]
    FullDisk {
        /// Time until the disk has room and the broker restarts.
        away: Duration,
    },
    /// [`Kind::Clock`]
    Clock {
        /// Time by which the broker's clock is ahead; negative if it is behind.
        minutes: i64,
        /// True if the broker is killed and restarted with each change, as after a crash of its
        /// machine. Otherwise its clock jumps.
        restart: bool,
        /// Time until the clock is right.
        lasts: Duration,
    },
}

/// Faults by their time since the start of the load.
pub type Schedule = Vec<(Duration, Fault)>;

/// Returns the faults of a whole run. Kinds come in rounds, each in its own order, and faults may
/// overlap.
pub fn schedule(seed: u64, minutes: u64, kinds: &[Kind]) -> Schedule {
    let mut random = StdRng::seed_from_u64(seed);
    let end = Duration::from_secs(minutes * 60);
    let (mut at, mut round) = (Duration::from_secs(3), Vec::new());
    let mut schedule = Vec::new();
    while at < end {
        if round.is_empty() {
            round = kinds.to_vec();
            round.shuffle(&mut random);
        }
        if let Some(kind) = round.pop() {
            schedule.push((at, fault(kind, &mut random)));
        }
        at += milliseconds(&mut random, 2_000..9_000);
    }
    schedule
}

/// Returns one fault of each kind, always in this order, for a run within `lasts`.
pub fn each_once(seed: u64, lasts: Duration) -> Schedule {
    let mut random = StdRng::seed_from_u64(seed);
    let kinds = Kind::possible();
    let pause = lasts / u32::try_from(kinds.len()).unwrap_or(1);
    kinds
        .into_iter()
        .zip(0_u32..)
        .map(|(kind, number)| (pause * number, fault(kind, &mut random)))
        .collect()
}

fn fault(kind: Kind, random: &mut StdRng) -> Fault {
    let away = |random: &mut StdRng| milliseconds(random, 0..6_000);
    // Longer than every session; see `roles::SESSION`.
    let beyond = |random: &mut StdRng| roles::SESSION + milliseconds(random, 1_000..8_000);
    match kind {
        Kind::Kill => Fault::Kill {
            instance: instance(random, |_| true),
            away: away(random),
        },
        Kind::Freeze => Fault::Freeze {
            instance: instance(random, |role| role.kafka),
            lasts: beyond(random),
        },
        Kind::RollingRestart => Fault::RollingRestart {
            service: several(random),
        },
        Kind::Scale => Fault::Scale {
            service: several(random),
            lasts: milliseconds(random, 2_000..10_000),
        },
        Kind::KillBroker => Fault::KillBroker { away: away(random) },
        Kind::FreezeBroker => Fault::FreezeBroker {
            lasts: milliseconds(random, 1_000..9_000),
        },
        Kind::Cut => Fault::Cut {
            instance: instance(random, |role| role.kafka),
            lasts: milliseconds(random, 1_000..14_000),
        },
        Kind::Delay => Fault::Delay {
            instance: instance(random, |role| role.kafka),
            by: milliseconds(random, 20..800),
            lasts: milliseconds(random, 4_000..15_000),
        },
        Kind::OpenTransaction => Fault::OpenTransaction {
            aggregate: contracts::ALL
                .choose(random)
                .map_or("", |contract| contract.aggregate),
            stream: *[Stream::Commands, Stream::Events]
                .choose(random)
                .unwrap_or(&Stream::Events),
            lasts: milliseconds(random, 2_000..8_000),
            victim: instance(random, |role| role.service == roles::HANDLERS),
        },
        Kind::KillDatabase => Fault::KillDatabase { away: away(random) },
        Kind::FullDisk => Fault::FullDisk { away: away(random) },
        Kind::Clock => Fault::Clock {
            minutes: if random.random() { 61 } else { -61 },
            restart: random.random(),
            lasts: milliseconds(random, 4_000..15_000),
        },
    }
}

/// Returns an instance of one of these roles. Half of the time it is a handler, because handlers
/// have the most failure modes.
fn instance(random: &mut StdRng, among: impl Fn(&Role) -> bool) -> String {
    let handlers = random.random_bool(0.5);
    let fits = |role: &&Role| among(role) && (!handlers || role.service == roles::HANDLERS);
    let names: Vec<String> = ROLES.iter().filter(fits).flat_map(Role::names).collect();
    names.choose(random).cloned().unwrap_or_default()
}

/// Returns a role with more than one instance.
fn several(random: &mut StdRng) -> &'static str {
    let roles: Vec<&str> = ROLES
        .iter()
        .filter(|role| role.instances > 1)
        .map(|role| role.service)
        .collect();
    roles.choose(random).copied().unwrap_or_default()
}

fn milliseconds(random: &mut StdRng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(random.random_range(range))
}

impl Fault {
    /// Returns the kind of the fault.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Kill { .. } => Kind::Kill,
            Self::Freeze { .. } => Kind::Freeze,
            Self::RollingRestart { .. } => Kind::RollingRestart,
            Self::Scale { .. } => Kind::Scale,
            Self::KillBroker { .. } => Kind::KillBroker,
            Self::FreezeBroker { .. } => Kind::FreezeBroker,
            Self::Cut { .. } => Kind::Cut,
            Self::Delay { .. } => Kind::Delay,
            Self::OpenTransaction { .. } => Kind::OpenTransaction,
            Self::KillDatabase { .. } => Kind::KillDatabase,
            Self::FullDisk { .. } => Kind::FullDisk,
            Self::Clock { .. } => Kind::Clock,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { instance, away } => {
                write!(formatter, "kill {instance}, down for {away:.1?}")
            }
            Self::Freeze { instance, lasts } => {
                write!(formatter, "freeze {instance} for {lasts:.1?}")
            }
            Self::RollingRestart { service } => write!(formatter, "rolling restart of {service}"),
            Self::Scale { service, lasts } => {
                write!(formatter, "scale {service} to one instance for {lasts:.1?}")
            }
            Self::KillBroker { away } => write!(formatter, "kill the broker, down for {away:.1?}"),
            Self::FreezeBroker { lasts } => write!(formatter, "freeze the broker for {lasts:.1?}"),
            Self::Cut { instance, lasts } => {
                write!(formatter, "cut {instance} off the broker for {lasts:.1?}")
            }
            Self::Delay {
                instance,
                by,
                lasts,
            } => write!(
                formatter,
                "delay {instance} and the broker by {by:.1?} for {lasts:.1?}"
            ),
            Self::OpenTransaction {
                aggregate,
                stream,
                lasts,
                victim,
            } => write!(
                formatter,
                "foreign transaction open on {aggregate}'s {stream:?} for {lasts:.1?}; {victim} is killed meanwhile"
            ),
            Self::KillDatabase { away } => {
                write!(formatter, "kill the database, down for {away:.1?}")
            }
            Self::FullDisk { away } => {
                write!(formatter, "fill the broker's disk for {away:.1?}")
            }
            Self::Clock {
                minutes,
                restart,
                lasts,
            } => write!(
                formatter,
                "shift the broker's clock by {minutes:+} minutes for {lasts:.1?}{}",
                if *restart { ", with restarts" } else { "" }
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn schedule_depends_on_the_seed_only() {
        let kinds = Kind::possible();
        assert_eq!(schedule(7, 10, &kinds), schedule(7, 10, &kinds));
        assert_ne!(schedule(7, 10, &kinds), schedule(8, 10, &kinds));
    }

    #[test]
    fn schedule_has_every_kind_within_two_minutes() {
        for seed in 0..100 {
            let schedule = schedule(seed, 2, &Kind::possible());
            let kinds: BTreeSet<Kind> = schedule.iter().map(|(_, fault)| fault.kind()).collect();
            assert_eq!(
                kinds.len(),
                Kind::possible().len(),
                "seed {seed}: {kinds:?}"
            );
            assert!(schedule.is_sorted_by_key(|(at, _)| *at));
            assert!(schedule.last().is_some_and(|(at, _)| at.as_secs() < 120));
        }
    }

    #[test]
    fn schedule_has_only_the_given_kinds() {
        let only = [Kind::OpenTransaction, Kind::Freeze];
        let schedule = schedule(7, 5, &only);
        assert!(schedule.len() > 30);
        assert!(
            schedule
                .iter()
                .all(|(_, fault)| only.contains(&fault.kind()))
        );
    }

    #[test]
    fn each_once_has_each_kind_once() {
        let lasts = Duration::from_secs(90);
        let kinds: Vec<Kind> = each_once(3, lasts)
            .iter()
            .map(|(_, fault)| fault.kind())
            .collect();
        assert_eq!(kinds, Kind::possible());
    }

    #[test]
    fn schedule_targets_existing_instances() {
        let names: BTreeSet<String> = ROLES.iter().flat_map(Role::names).collect();
        for (_, fault) in schedule(1, 60, &Kind::possible()) {
            match fault {
                Fault::Kill { instance, .. }
                | Fault::Freeze { instance, .. }
                | Fault::Cut { instance, .. }
                | Fault::Delay { instance, .. }
                | Fault::OpenTransaction {
                    victim: instance, ..
                } => assert!(names.contains(&instance), "{instance}"),
                Fault::RollingRestart { service } | Fault::Scale { service, .. } => {
                    assert!(names.contains(service), "{service}");
                }
                _ => {}
            }
        }
    }
}
