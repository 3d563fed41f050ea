//! Every kind of fault once, within a minute and a half, under concurrent clients. `./dev faults`
//! has the long form.

use std::time::Duration;

use chaos::schedule::each_once;
use chaos::{PATIENCE, Plan, run};

/// Duration of the clients' requests; all faults begin within it.
const LASTS: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes up to five minutes; run it, or ./dev faults --minutes 2"]
async fn commands_are_executed_exactly_once_under_every_kind_of_fault() {
    let seed = factline_testkit::seed();
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
