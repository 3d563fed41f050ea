//! The statements of views, each made once for a process. A batch of one row spends more time on
//! the text of its statement than on its columns.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use sqlx::{AssertSqlSafe, Error, PgConnection};

use crate::columns::Arrays;

use super::table::Table;

static KNOWN: LazyLock<Mutex<HashMap<TypeId, Arc<Statements>>>> = LazyLock::new(Mutex::default);

/// Texts of the statements of one view.
#[derive(Debug)]
pub(crate) struct Statements {
    pub(crate) load: Arc<str>,
    pub(crate) upsert: Arc<str>,
    pub(crate) add: Arc<str>,
    pub(crate) delete: Arc<str>,
}

impl Statements {
    /// Returns the statements of a table.
    pub(crate) fn new(table: &Table) -> Self {
        Self {
            load: table.load().into(),
            upsert: table.upsert().into(),
            add: table.add().into(),
            delete: table.delete().into(),
        }
    }
}

/// Returns the statements of a view with this table.
pub(crate) fn of<V: 'static>(table: fn() -> Table) -> Arc<Statements> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let statements = known
        .entry(TypeId::of::<V>())
        .or_insert_with(|| Arc::new(Statements::new(&table())));
    Arc::clone(statements)
}

/// Runs a statement that returns no rows.
pub(crate) async fn execute(
    connection: &mut PgConnection,
    sql: &Arc<str>,
    arrays: Arrays,
) -> Result<(), Error> {
    sqlx::query_with(AssertSqlSafe(Arc::clone(sql)), arrays.into_arguments())
        .execute(connection)
        .await?;
    Ok(())
}
