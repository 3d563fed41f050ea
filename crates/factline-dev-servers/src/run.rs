//! One run of `up` or `down`: its lock, and its lines of progress.

use std::fs::File;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::data_dir::{self, make_dir};

/// Locks out a second `up` or `down` until this one has ended.
pub(crate) fn lock() -> Result<File> {
    let path = data_dir::home().join("run/lock");
    make_dir(path.parent().unwrap_or(&path))?;
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    if file.try_lock().is_err() {
        println!("waiting for another run of this command to end");
        file.lock()
            .with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

/// Prints one line of progress.
pub(crate) fn step(name: &str, what: &str, since: Instant) {
    println!(
        "  {name:<28} {what:<16} {:>5.1} s",
        since.elapsed().as_secs_f64()
    );
}
