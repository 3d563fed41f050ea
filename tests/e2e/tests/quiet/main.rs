//! A store without traffic: no host's loop is blocked by the watchdogs' requests to the brokers.

#![expect(clippy::unwrap_used, reason = "a test says what it finds by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::System;

/// Time for which the gauge of a host keeps a delay, and so includes the startup.
const KEPT: Duration = Duration::from_mins(1);

/// Time in which the gauges are read. With the time that they keep, it has five rounds of each
/// watchdog, which asks the brokers every 15 s.
const READ: Duration = Duration::from_secs(15);

/// Maximum number of seconds between two polls of a host.
const BOUND: f64 = 0.25;

/// The watchdogs' questions of each host, as named in the metric.
const QUESTIONS: [&str; 2] = ["ends", "owners"];

/// Returns the value of each series of a metric, by its labels.
async fn metric(system: &System, process: &str, name: &str) -> BTreeMap<String, f64> {
    let url = format!("{}/metrics", system.address(process));
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let series = text.lines().filter_map(|line| {
        let (labels, value) = line.strip_prefix(name)?.split_once("} ")?;
        Some((labels.to_owned(), value.parse().unwrap()))
    });
    series.collect()
}

/// Returns the longest delay with which this machine has woken a thread.
fn hiccups(stop: &AtomicBool) -> f64 {
    let (nap, mut longest) = (Duration::from_millis(5), Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        std::thread::sleep(nap);
        longest = longest.max(begun.elapsed().saturating_sub(nap));
    }
    longest.as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures delays: `./dev test` runs it alone, after the others"]
async fn hosts_keep_polling_while_watchdogs_query_brokers() {
    let system = System::start("quiet").await.unwrap();
    let began = Instant::now();
    let stop = Arc::new(AtomicBool::new(false));
    let ending = Arc::clone(&stop);
    let machine = std::thread::spawn(move || hiccups(&ending));
    let (mut longest, mut answers) = (BTreeMap::new(), BTreeMap::new());
    while began.elapsed() < KEPT + READ {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for process in system.names() {
            answers.extend(metric(&system, process, "factline_watchdog_answers_total").await);
            if began.elapsed() < KEPT {
                continue;
            }
            for (host, gap) in metric(&system, process, "factline_poll_gap_seconds").await {
                let longest = longest.entry(host).or_insert(gap);
                *longest = gap.max(*longest);
            }
        }
    }
    stop.store(true, Ordering::Relaxed);
    let bound = BOUND + machine.join().unwrap();

    assert!(longest.len() >= 10, "hosts are missing: {longest:?}");
    let late: Vec<_> = longest.iter().filter(|(_, gap)| **gap > bound).collect();
    assert!(late.is_empty(), "longer than {bound} s: {late:?}");
    for question in QUESTIONS {
        let asked = answers
            .iter()
            .filter(|(labels, _)| labels.contains(&format!("question={question:?}")));
        let counts: Vec<f64> = asked.map(|(_, count)| *count).collect();
        assert!(
            counts.len() == longest.len() && counts.iter().all(|count| *count >= 3.0),
            "not every host has asked about {question}: {answers:?}"
        );
    }
}
