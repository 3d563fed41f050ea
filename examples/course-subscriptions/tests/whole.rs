//! The program on real servers: neither limit is ever exceeded, a refused seat is free again, and a
//! second subscription takes nothing from the first.

use std::time::Duration;

use factline_client::{Client, State};
use serde_json::{Value, json};

#[tokio::test]
async fn both_limits_hold() {
    let servers = factline_dev_servers::Servers::shared();
    let program = env!("CARGO_BIN_EXE_course-subscriptions");
    let program = servers.application(program).unwrap();
    let client = Client::new(program.url(), Duration::from_secs(60)).unwrap();
    let subscribe = async |student: &str, course: &str| {
        let wish = json!({"wish": {"student_id": student, "course_id": course}});
        let accepted = client.send("/subscriptions", &wish).await.unwrap();
        client.wait(&accepted.location).await.unwrap()
    };
    for number in 0..12 {
        let course = json!({"title": format!("Course {number}"), "capacity": 1});
        let path = format!("/courses/c-{number}");
        let put = factline_client::Command::put(&path, &course);
        let accepted = client.submit(put).await.unwrap();
        client.wait(&accepted.location).await.unwrap();
    }
    for number in 0..10 {
        let ended = subscribe("ada", &format!("c-{number}")).await;
        assert_eq!(ended.state, State::Completed);
    }
    let twice = subscribe("ada", "c-0").await;
    assert_eq!(twice.code.as_deref(), Some("no_seat"));
    let full = subscribe("bo", "c-0").await;
    assert_eq!(full.code.as_deref(), Some("no_seat"));
    let eleventh = subscribe("ada", "c-10").await;
    assert_eq!(eleventh.code.as_deref(), Some("not_joined"));
    // Ada's eleventh seat is free again.
    assert_eq!(subscribe("bo", "c-10").await.state, State::Completed);

    let list: Option<Value> = client.read("courses?title=Course%201", None).await.unwrap();
    let titles = list.unwrap()["items"].as_array().unwrap().len();
    assert_eq!(titles, 3, "Course 1, Course 10 and Course 11");
}
