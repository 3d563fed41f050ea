//! The time that each step of a rebuild takes.

use std::time::{Duration, Instant};

use crate::checkpoint::FollowerId;
use crate::view::ViewName;

use super::tables::Tables;
use super::{Error, Rebuild, Report, Step};

/// Measures the steps.
pub(super) struct Times<'r> {
    with: &'r Rebuild,
    begun: Instant,
    steps: Vec<(Step, Duration)>,
}

impl<'r> Times<'r> {
    pub(super) fn new(with: &'r Rebuild) -> Self {
        Self {
            with,
            begun: Instant::now(),
            steps: Vec::new(),
        }
    }

    pub(super) fn begin(&mut self, step: Step) {
        self.end();
        self.steps.push((step, Duration::ZERO));
        self.with.progress.begin(step);
    }

    fn end(&mut self) {
        if let Some((_, time)) = self.steps.last_mut() {
            *time = self.begun.elapsed();
        }
        self.begun = Instant::now();
    }

    pub(super) async fn report(
        &mut self,
        view: ViewName,
        owner: &FollowerId,
        relation: &str,
    ) -> Result<Report, Error> {
        self.end();
        let sql = "select count(*) from factline.parked_key where view = $1 and version = $2";
        let parked: i64 = sqlx::query_scalar(sql)
            .bind(&owner.view)
            .bind(owner.version)
            .fetch_one(&self.with.pool)
            .await?;
        Ok(Report {
            version: view.version,
            parked: parked.cast_unsigned(),
            bytes: Tables::size(&self.with.pool, relation).await?,
            times: std::mem::take(&mut self.steps),
        })
    }
}
