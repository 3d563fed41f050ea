//! TCP ports on the loopback address: free ones, and the holders of the others.

use std::collections::HashSet;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};

use anyhow::{Result, bail};

/// Ports allocated in this process: a server that is down keeps its port.
static TAKEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// Returns true if no process listens on `port` of the loopback address.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Returns a free port. It is below the range from which Linux and macOS take the ports of outgoing
/// connections. Otherwise a client that tries to reconnect to a server that is down could be given
/// the server's port, and connect to itself.
///
/// # Errors
///
/// If no port in the range is free.
pub fn free() -> Result<u16> {
    const RANGE: std::ops::Range<u16> = 20_000..32_000;
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    for attempt in 0..1_000_u32 {
        let random = RandomState::new().hash_one((std::process::id(), attempt));
        let port = RANGE.start + u16::try_from(random % u64::from(RANGE.end - RANGE.start))?;
        if !taken.contains(&port) && is_free(port) {
            taken.insert(port);
            return Ok(port);
        }
    }
    bail!("no free port between {} and {}", RANGE.start, RANGE.end)
}

/// Returns the process that listens on `port`, as `pid 4711 (nginx)`; `None` if it cannot be
/// determined.
pub(crate) fn holder(port: u16) -> Option<String> {
    let pid = if Path::new("/proc/net/tcp").exists() {
        holder_in_proc(port)
    } else {
        holder_by_lsof(port)
    }?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).or_else(|_| {
        let output = Command::new("ps")
            .args(["-o", "comm=", "-p", &pid])
            .output()?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&output.stdout).into_owned())
    });
    Some(format!("pid {pid} ({})", name.unwrap_or_default().trim()))
}

/// Finds the holder through the inode that Linux lists for each socket and the links to inodes
/// among a process's open files.
fn holder_in_proc(port: u16) -> Option<String> {
    let sockets = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|path| fs::read_to_string(path).unwrap_or_default())
        .join("\n");
    let inode = sockets.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // Fields: number, local address, remote address, state (0A: listening), ..., inode.
        let listens =
            fields.get(3) == Some(&"0A") && fields.get(1)?.ends_with(&format!(":{port:04X}"));
        listens.then(|| fields.get(9).map(|inode| format!("socket:[{inode}]")))?
    })?;
    let holds = |fds: PathBuf| {
        let mut links = fs::read_dir(fds)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|fd| fs::read_link(fd.path()).ok());
        links.any(|link| link.as_os_str() == inode.as_str())
    };
    // Besides processes, /proc holds links such as `self`.
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let process = pids.find(|process| holds(process.path().join("fd")))?;
    process.file_name().into_string().ok()
}

fn holder_by_lsof(port: u16) -> Option<String> {
    let output = Command::new("lsof")
        .args(["-nPt", "-sTCP:LISTEN", &format!("-iTCP:{port}")])
        .output()
        .ok()?;
    String::from_utf8(output.stdout)
        .ok()?
        .lines()
        .next()
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_holder_is_found() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free(port));
        let holder = holder(port).unwrap();
        assert!(
            holder.starts_with(&format!("pid {} (", std::process::id())),
            "{holder}"
        );
    }
}
