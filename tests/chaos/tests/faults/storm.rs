//! Every kind of fault once, in a minute and a half, under concurrent clients. `./dev faults` has the long form.

use std::time::Duration;

use chaos::schedule::each_once;
use chaos::{PATIENCE, Plan, run};

/// How long clients go on; all faults begin within.
const LASTS: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_done_exactly_once_while_each_kind_of_fault_strikes() {
    let seed: u64 = rand::random();
    let plan = Plan {
        seed,
        schedule: each_once(seed, LASTS),
        lasts: LASTS,
        patience: PATIENCE,
        environment: Vec::new(),
    };
    let report = run(&plan).await.unwrap();
    assert!(report.violations.is_empty(), "{report}");
    println!("{report}");
}
