//! `status`: the running processes, and the reasons for which others are not ready.

use std::io::{self, Write as _};

use crate::component::{self, Part};
use crate::port;
use crate::services::{Addresses, Project};

/// Prints a table of all processes; returns true if every one is ready.
pub(crate) fn status(project: &Project, addresses: Addresses) -> bool {
    print(&format!(
        "{:<20} {:>8} {:>6}  STATE",
        "PROCESS", "PID", "PORT"
    ));
    let parts = component::servers(addresses)
        .into_iter()
        .chain(component::services(project, addresses));
    // Every line must be printed, so this does not stop at the first process that is not ready.
    let ready: Vec<bool> = parts.map(|part| print_line(&part)).collect();
    ready.iter().all(|ready| *ready)
}

fn print_line(part: &Part) -> bool {
    let running = part.running();
    let number = running.as_ref().map_or(part.port(), |running| running.port);
    let (pid, ready) = match &running {
        Some(running) => (
            running.pid.to_string(),
            (part.probe)(number).map_err(|reason| format!("not ready: {reason:#}")),
        ),
        None => ("-".to_owned(), Err(stopped(number))),
    };
    let state = ready.as_ref().map_or_else(String::as_str, |()| "ready");
    print(&format!("{:<20} {pid:>8} {number:>6}  {state}", part.name));
    ready.is_ok()
}

/// Prints a line. A reader that has seen enough, such as `head`, closes the pipe; that is no
/// failure.
fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn stopped(port: u16) -> String {
    if port::is_free(port) {
        return "stopped".to_owned();
    }
    let holder = port::holder(port).unwrap_or_else(|| "another program".to_owned());
    format!("stopped, and its port is taken by {holder}")
}
