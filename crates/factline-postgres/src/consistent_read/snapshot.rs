//! Transactions of readers.

use std::ops::{Deref, DerefMut};

use sqlx::{PgConnection, Postgres, Transaction};

/// Read-only transaction that sees one state of the database.
#[derive(Debug)]
pub struct Snapshot {
    transaction: Transaction<'static, Postgres>,
    waited: bool,
}

impl Snapshot {
    pub(super) fn new(transaction: Transaction<'static, Postgres>, waited: bool) -> Self {
        Self {
            transaction,
            waited,
        }
    }

    /// Returns whether the reader has waited for its position.
    pub fn has_waited(&self) -> bool {
        self.waited
    }

    /// Ends the transaction. One that is dropped ends too, when its connection is used again.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        self.transaction.rollback().await
    }
}

impl Deref for Snapshot {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.transaction
    }
}

impl DerefMut for Snapshot {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}
