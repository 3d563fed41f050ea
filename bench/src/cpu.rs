//! CPU time, which other processes on the machine disturb far less than the clock.

use std::collections::{BTreeMap, HashMap};
use std::fs;

/// Microseconds spent so far, by Linux's accounting; 0 on other systems.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    /// By this process: the measured loop, with its client's threads.
    pub(crate) ours: f64,
    /// By the servers that it has started, nearly all of it by the broker.
    pub(crate) servers: f64,
}

/// Linux counts in hundredths of a second, whatever the kernel's own clock.
const TICK: f64 = 10_000.0;

/// The place of the scheduling policy among the fields after the name, and the policy of spinners.
const POLICY: usize = 38;
const SCHED_IDLE: &str = "5";

impl Cpu {
    pub(crate) fn spent() -> Self {
        let processes = processes();
        let own = std::process::id();
        let mut spent = Self::default();
        for (id, (parent, cpu)) in &processes {
            // The guarding shell is between this process and a server.
            let above = processes.get(parent).map(|(parent, _)| *parent);
            if *id == own {
                spent.ours = *cpu;
            } else if *parent == own || above == Some(own) {
                spent.servers += cpu;
            }
        }
        spent
    }

    /// Returns the time spent on each of this many items since an earlier measurement.
    pub(crate) fn each(earlier: Self, things: f64) -> Self {
        let now = Self::spent();
        Self {
            ours: (now.ours - earlier.ours) / things,
            servers: (now.servers - earlier.servers) / things,
        }
    }
}

/// Returns the microseconds spent by processes that this one has started and that have ended.
pub(crate) fn ended() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let (_, rest) = stat.rsplit_once(')').unwrap_or_default();
    let times = rest.split_whitespace().skip(13).take(2);
    let ticks: f64 = times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks * TICK
}

/// Returns the parent and the time spent of each running process.
fn processes() -> HashMap<u32, (u32, f64)> {
    let found = fs::read_dir("/proc").into_iter().flatten().flatten();
    found
        .filter_map(|process| {
            let id = process.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(process.path().join("stat")).ok()?;
            Some((id, parse(&stat)?))
        })
        .collect()
}

/// Returns the microseconds spent so far by the processes of each program that this one has
/// started, servers included.
pub(crate) fn by_program() -> BTreeMap<String, f64> {
    let mut programs = BTreeMap::new();
    for (_, program, cpu) in started() {
        *programs.entry(program).or_default() += cpu;
    }
    programs
}

/// Returns the id, the program and the microseconds spent of each process that this one has
/// started, servers included, and its own.
pub(crate) fn started() -> Vec<(u32, String, f64)> {
    let processes = processes();
    let own = std::process::id();
    let is_ours = |id: u32| {
        let mut above = id;
        while above != own {
            match processes.get(&above) {
                Some((parent, _)) => above = *parent,
                None => return false,
            }
        }
        true
    };
    let ours = processes.iter().filter(|(id, _)| is_ours(**id));
    ours.filter_map(|(id, (_, cpu))| {
        let program = fs::read_link(format!("/proc/{id}/exe")).ok()?;
        let name = program.file_name()?.to_str()?.to_owned();
        Some((*id, name, *cpu))
    })
    .collect()
}

/// Parses the parent, and the microseconds in user and kernel mode. The name in between may contain
/// any character but ends with the last bracket. None for a spinner, see [`crate::spinners`].
fn parse(stat: &str) -> Option<(u32, f64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    if rest.split_whitespace().nth(POLICY) == Some(SCHED_IDLE) {
        return None;
    }
    let mut fields = rest.split_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    let mut times = fields.skip(9);
    let mut ticks = || times.next()?.parse::<f64>().ok();
    Some((parent, (ticks()? + ticks()?) * TICK))
}
