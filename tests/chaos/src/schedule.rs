//! What breaks when: a pure function of a seed, so that a run that has found something can be had again.
//!
//! It knows the roles and nothing of processes; how a fault is brought about is in `strike`. One more kind is a variant of
//! [`Kind`] and of [`Fault`], and the arms that the compiler then asks for.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::roles::{self, ROLES, Role};

/// What can happen.
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
    /// The broker by SIGKILL.
    KillBroker,
    /// The broker by SIGSTOP.
    FreezeBroker,
    /// Nothing passes between a process and the broker.
    Cut,
    /// All that passes between a process and the broker is late.
    Delay,
    /// A transaction of a stranger stays open while partitions are taken over.
    Stranger,
    /// PostgreSQL crashes.
    KillDatabase,
    /// The broker's disk is full in the middle of a write.
    FullDisk,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Kill,
        Self::Freeze,
        Self::RollingRestart,
        Self::Scale,
        Self::KillBroker,
        Self::FreezeBroker,
        Self::FullDisk,
        Self::Cut,
        Self::Delay,
        Self::Stranger,
        Self::KillDatabase,
    ];

    /// Those that can be brought about here: a disk can be filled on Linux only.
    pub fn possible() -> Vec<Self> {
        let mut kinds = Self::ALL.to_vec();
        kinds.retain(|kind| *kind != Self::FullDisk || cfg!(target_os = "linux"));
        kinds
    }
}

/// One of an aggregate type's topics that a stranger writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// `X.commands`
    Commands,
    /// `X.events`
    Events,
}

/// Something that happens, to whom and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// [`Kind::Kill`]
    Kill {
        /// Who.
        instance: String,
        /// Until it is started again.
        away: Duration,
    },
    /// [`Kind::Freeze`]
    Freeze {
        /// Who.
        instance: String,
        /// Until it goes on.
        lasts: Duration,
    },
    /// [`Kind::RollingRestart`]
    RollingRestart {
        /// Which role.
        service: &'static str,
    },
    /// [`Kind::Scale`]
    Scale {
        /// Which role.
        service: &'static str,
        /// How long there is one.
        lasts: Duration,
    },
    /// [`Kind::KillBroker`]
    KillBroker {
        /// Until it is started again.
        away: Duration,
    },
    /// [`Kind::FreezeBroker`]
    FreezeBroker {
        /// Until it goes on.
        lasts: Duration,
    },
    /// [`Kind::Cut`]
    Cut {
        /// Whose line.
        instance: String,
        /// Until it is mended.
        lasts: Duration,
    },
    /// [`Kind::Delay`]
    Delay {
        /// Whose line.
        instance: String,
        /// In each direction.
        by: Duration,
        /// Until it is mended.
        lasts: Duration,
    },
    /// [`Kind::Stranger`]
    Stranger {
        /// Whose topics.
        aggregate: &'static str,
        /// Which of them.
        stream: Stream,
        /// Until it is aborted.
        lasts: Duration,
        /// A handler that is killed meanwhile.
        victim: String,
    },
    /// [`Kind::KillDatabase`]
    KillDatabase {
        /// Until it is started again.
        away: Duration,
    },
    /// [`Kind::FullDisk`]
    FullDisk {
        /// Until there is room, and the broker is started again.
        away: Duration,
    },
}

/// From the beginning of the load to the fault.
pub type Schedule = Vec<(Duration, Fault)>;

/// A whole run. Kinds come in rounds, each in an order of its own, and faults may overlap.
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

/// One fault of each kind, always in this order, for a run within `lasts`.
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
    // Beyond every session; see `roles::SESSION`.
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
        Kind::Stranger => Fault::Stranger {
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
    }
}

/// An instance of one of these roles. Every other time it is a handler, since most of what can go wrong goes wrong there.
fn instance(random: &mut StdRng, among: impl Fn(&Role) -> bool) -> String {
    let handlers = random.random_bool(0.5);
    let fits = |role: &&Role| among(role) && (!handlers || role.service == roles::HANDLERS);
    let names: Vec<String> = ROLES.iter().filter(fits).flat_map(Role::names).collect();
    names.choose(random).cloned().unwrap_or_default()
}

/// A role with more than one instance.
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
    /// What kind of fault it is.
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
            Self::Stranger { .. } => Kind::Stranger,
            Self::KillDatabase { .. } => Kind::KillDatabase,
            Self::FullDisk { .. } => Kind::FullDisk,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { instance, away } => {
                write!(formatter, "kill {instance}, away for {away:.1?}")
            }
            Self::Freeze { instance, lasts } => {
                write!(formatter, "freeze {instance} for {lasts:.1?}")
            }
            Self::RollingRestart { service } => write!(formatter, "rolling restart of {service}"),
            Self::Scale { service, lasts } => {
                write!(
                    formatter,
                    "one of {service} for {lasts:.1?}, then all again"
                )
            }
            Self::KillBroker { away } => write!(formatter, "kill the broker, away for {away:.1?}"),
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
            Self::Stranger {
                aggregate,
                stream,
                lasts,
                victim,
            } => write!(
                formatter,
                "a stranger's transaction on {aggregate}'s {stream:?} for {lasts:.1?}, in which {victim} is killed"
            ),
            Self::KillDatabase { away } => {
                write!(formatter, "kill the database, away for {away:.1?}")
            }
            Self::FullDisk { away } => {
                write!(
                    formatter,
                    "fill the broker's disk, room again after {away:.1?}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_is_the_same_schedule_and_another_is_not() {
        let kinds = Kind::possible();
        assert_eq!(schedule(7, 10, &kinds), schedule(7, 10, &kinds));
        assert_ne!(schedule(7, 10, &kinds), schedule(8, 10, &kinds));
    }

    #[test]
    fn every_kind_comes_within_two_minutes_whatever_the_seed() {
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
    fn no_other_kind_comes_than_those_asked_for() {
        let only = [Kind::Stranger, Kind::Freeze];
        let schedule = schedule(7, 5, &only);
        assert!(schedule.len() > 30);
        assert!(
            schedule
                .iter()
                .all(|(_, fault)| only.contains(&fault.kind()))
        );
    }

    #[test]
    fn each_once_is_each_once() {
        let lasts = Duration::from_secs(90);
        let kinds: Vec<Kind> = each_once(3, lasts)
            .iter()
            .map(|(_, fault)| fault.kind())
            .collect();
        assert_eq!(kinds, Kind::possible());
    }

    #[test]
    fn whoever_is_struck_is_there() {
        let names: BTreeSet<String> = ROLES.iter().flat_map(Role::names).collect();
        for (_, fault) in schedule(1, 60, &Kind::possible()) {
            match fault {
                Fault::Kill { instance, .. }
                | Fault::Freeze { instance, .. }
                | Fault::Cut { instance, .. }
                | Fault::Delay { instance, .. }
                | Fault::Stranger {
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
