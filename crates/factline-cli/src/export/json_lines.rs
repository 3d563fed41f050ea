//! JSON lines: a record with its envelope and its value, as `factline events` shows it.

use std::fs::File;
use std::io::{BufWriter, IntoInnerError, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use factline_kafka::{Record, Registry};

use super::Written;
use super::unfinished::Unfinished;
use crate::render;

/// Writer of a file.
pub(super) struct JsonLines {
    unfinished: Unfinished,
    file: BufWriter<File>,
    records: u64,
    undecodable: u64,
}

impl JsonLines {
    pub(super) fn create(target: &Path) -> Result<Self> {
        let unfinished = Unfinished::of(target)?;
        Ok(Self {
            file: BufWriter::new(unfinished.create_file()?),
            unfinished,
            records: 0,
            undecodable: 0,
        })
    }

    pub(super) async fn write(&mut self, registry: &Registry, record: &Record) -> Result<()> {
        let place = record.place();
        let shown = render::record(registry, record).await.context(place)?;
        let is_odd = |name: &str| shown.get(name).is_some();
        if is_odd("undecodable") || is_odd("invalid_headers") {
            self.undecodable += 1;
        }
        self.records += 1;
        let written = writeln!(self.file, "{shown}");
        written.with_context(|| format!("cannot write {}", self.unfinished.place().display()))
    }

    pub(super) fn finish(self) -> Result<Written> {
        let file = self.file.into_inner().map_err(IntoInnerError::into_error);
        let place = self.unfinished.place().display().to_string();
        file.and_then(|file| file.sync_all())
            .with_context(|| format!("cannot write {place}"))?;
        Ok(Written {
            path: self.unfinished.finish()?,
            record: None,
            records: self.records,
            undecodable: self.undecodable,
        })
    }
}
