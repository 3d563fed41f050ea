//! The views of this program beside those of another build of it, over the same events.
//!
//! On a pull request, `BASELINE` is the program of the branch that it changes, see
//! `ci/compare-views`. If the rows differ, the test fails with the report: the rows, and the first
//! event after which each of them differs. Without `BASELINE`, the program is compared with itself.

use std::ffi::OsString;
use std::time::Duration;

use factline_client::{Client, Command, State};
use serde_json::json;

const PROGRAM: &str = env!("CARGO_BIN_EXE_course-subscriptions");

#[tokio::test]
async fn views_are_those_of_the_baseline() {
    let baseline = std::env::var_os("BASELINE").unwrap_or_else(|| OsString::from(PROGRAM));
    let servers = factline_dev_servers::Servers::shared();
    let running = servers.application(&baseline).unwrap();
    let client = Client::new(running.url(), Duration::from_secs(60)).unwrap();

    // Every event that there is: courses, seats that are taken, and one that is given back.
    for number in 0..11 {
        let course = json!({"title": format!("Course {number}"), "capacity": 2});
        let path = format!("/courses/c-{number}");
        let put = Command::put(&path, &course);
        let accepted = client.submit(put).await.unwrap();
        client.wait(&accepted.location).await.unwrap();
    }
    let mut last = None;
    for number in 0..11 {
        let wish = json!({"wish": {"student_id": "ada", "course_id": format!("c-{number}")}});
        let accepted = client.send("/subscriptions", &wish).await.unwrap();
        last = Some(client.wait(&accepted.location).await.unwrap());
    }
    let last = last.unwrap();
    assert_eq!(last.code.as_deref(), Some("not_joined"));
    assert_ne!(last.state, State::Completed);

    let compared = tokio::process::Command::new(PROGRAM)
        .args(["tool", "rebuild", "offers", "--dry-run", "--baseline"])
        .arg(&baseline)
        .envs(running.environment())
        .output()
        .await
        .unwrap();
    let report = String::from_utf8_lossy(&compared.stdout);
    let errors = String::from_utf8_lossy(&compared.stderr);
    assert!(compared.status.success(), "{report}\n{errors}");
    assert!(report.contains("offers"), "{report}");
}
