//! The tables of a copy: created without indexes, which are built when the rows are there.

use factline_kafka::topics::TopicPartition;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _};

use crate::checkpoint::{self, FollowerId};
use crate::migration;
use crate::view::migrate::HISTORY;
use crate::view::table::Table;
use crate::view::table_check;

use super::Error;

/// Memory for building an index. A rebuild is one session, so the default of PostgreSQL, which all
/// sessions can have, is low for it.
const SET_INDEX_MEMORY: &str = "set local maintenance_work_mem = '256MB'";

/// Table of the statements that build the indexes, in the schema of the copy.
pub(super) const TAKEN: &str = "taken_index";

/// Table of sums that are not added up yet, in the schema of the copy.
const SUMS: &str = "sums_of_partitions";

/// The tables of a copy.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    pub(crate) schema: String,
    pub(crate) table: Table,
    pub(crate) owner: FollowerId,
    /// True if the rows of several partitions are added up.
    pub(crate) additive: bool,
}

impl Tables {
    /// Returns the statement that inserts rows into the copy, or sums into [`SUMS`].
    pub(crate) fn fill(&self) -> String {
        if self.additive {
            self.table.clone().of_relation(self.sums()).fill()
        } else {
            self.table.fill()
        }
    }

    /// Creates the tables without indexes. Does nothing if that was done before.
    pub(crate) async fn create(&self, pool: &PgPool, migrations: &Migrator) -> Result<(), Error> {
        let is_new: bool = sqlx::query_scalar("select to_regnamespace($1) is null")
            .bind(&self.schema)
            .fetch_one(pool)
            .await?;
        if is_new {
            // Checkpoints without tables are what a follower leaves whose tables were taken.
            self.drop(pool).await?;
        }
        self.create_new(pool, migrations).await
    }

    /// Creates the tables without indexes, as [`create`](Self::create) does, and touches nothing
    /// but their schema.
    pub(crate) async fn create_new(
        &self,
        pool: &PgPool,
        migrations: &Migrator,
    ) -> Result<(), Error> {
        migration::run(pool, &self.schema, HISTORY, migrations).await?;
        let mut transaction = pool.begin().await?;
        if !self.exists(&mut transaction, TAKEN).await? {
            table_check::check(&mut transaction, &self.table).await?;
            self.refuse_other_tables(&mut transaction).await?;
            self.take_indexes(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Builds the indexes that are not built yet, each in one transaction.
    pub(crate) async fn build_indexes(&self, pool: &PgPool) -> Result<(), Error> {
        let taken = format!("{}.{TAKEN}", self.schema);
        loop {
            let mut transaction = pool.begin().await?;
            run(&mut transaction, SET_INDEX_MEMORY).await?;
            let next = format!(
                "delete from {taken} where number = (select min(number) from {taken}) \
                 returning statement"
            );
            let next = sqlx::query(AssertSqlSafe(next))
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(next) = next else {
                // Without statistics, the first plans of readers would be those of an empty table.
                run(
                    &mut transaction,
                    &format!("analyze {}", self.table.relation()),
                )
                .await?;
                transaction.commit().await?;
                return Ok(());
            };
            let statement: String = next.try_get(0)?;
            run(&mut transaction, &statement).await?;
            transaction.commit().await?;
        }
    }

    /// Adds up the sums of the partitions. Does nothing if that was done before.
    pub(crate) async fn add_up(&self, pool: &PgPool) -> Result<(), Error> {
        let mut transaction = pool.begin().await?;
        if self.additive && self.exists(&mut transaction, SUMS).await? {
            run(&mut transaction, &self.table.sum_of(&self.sums())).await?;
            run(&mut transaction, &format!("drop table {}", self.sums())).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Returns the partitions that are filled.
    pub(crate) async fn filled(&self, pool: &PgPool) -> Result<Vec<TopicPartition>, Error> {
        let known = checkpoint::load(&mut *pool.acquire().await?, &self.owner).await?;
        let keys = known
            .into_iter()
            .map(|known| (known.topic, known.partition));
        Ok(keys.collect())
    }

    /// Returns the size of a table with its indexes in bytes; 0 if it does not exist.
    pub(crate) async fn size(pool: &PgPool, relation: &str) -> Result<u64, Error> {
        let sql = "select coalesce(pg_total_relation_size(to_regclass($1)), 0)";
        let bytes: i64 = sqlx::query_scalar(sql)
            .bind(relation)
            .fetch_one(pool)
            .await?;
        Ok(bytes.cast_unsigned())
    }

    /// Drops the tables and the checkpoints.
    pub(crate) async fn drop(&self, pool: &PgPool) -> Result<(), Error> {
        let mut transaction = pool.begin().await?;
        let owner = &self.owner;
        let sql = format!(
            "delete from {}.checkpoint where view = $1 and version = $2",
            owner.schema
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(&owner.view)
            .bind(owner.version)
            .execute(&mut *transaction)
            .await?;
        let drop = format!("drop schema if exists {} cascade", self.schema);
        run(&mut transaction, &drop).await?;
        transaction.commit().await?;
        Ok(())
    }

    fn sums(&self) -> String {
        format!("{}.{SUMS}", self.schema)
    }

    async fn exists(&self, connection: &mut PgConnection, table: &str) -> Result<bool, Error> {
        let exists = sqlx::query_scalar("select to_regclass($1) is not null")
            .bind(format!("{}.{table}", self.schema))
            .fetch_one(connection)
            .await?;
        Ok(exists)
    }

    /// Refuses a view with tables that only its own statements fill.
    async fn refuse_other_tables(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let sql = "select relname::text from pg_class \
                   where relnamespace = $1::regnamespace and relkind in ('r', 'p', 'm') \
                     and oid <> $2::regclass and relname <> $3";
        let other: Option<String> = sqlx::query_scalar(sql)
            .bind(&self.schema)
            .bind(self.table.relation())
            .bind(HISTORY)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(table) = other {
            return Err(Error::OtherTable { table });
        }
        let sql = "select attname::text from pg_attribute \
                   where attrelid = $1::regclass and attnum > 0 and not attisdropped \
                     and attgenerated = '' and attidentity = '' and attname::text <> all($2)";
        let known: Vec<&str> = self
            .table
            .columns()
            .iter()
            .map(|known| known.name)
            .collect();
        let other: Option<String> = sqlx::query_scalar(sql)
            .bind(self.table.relation())
            .bind(known)
            .fetch_optional(connection)
            .await?;
        match other {
            Some(column) => Err(Error::OtherColumn { column }),
            None => Ok(()),
        }
    }

    /// Drops the indexes and remembers how to build them.
    async fn take_indexes(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let (schema, relation) = (&self.schema, self.table.relation());
        let taken = format!(
            "create table {schema}.{TAKEN} (number integer primary key, statement text not null)"
        );
        run(connection, &taken).await?;
        // The primary key is built first. `pg_get_indexdef` names the table with its schema.
        let sql = "select format('alter table %s add constraint %I %s', $1, conname, \
                          pg_get_constraintdef(oid)), \
                          format('alter table %s drop constraint %I', $1, conname), 0 as place \
                   from pg_constraint where conrelid = $1::regclass and contype in ('p', 'u', 'x') \
                   union all \
                   select pg_get_indexdef(indexrelid), format('drop index %s', indexrelid::regclass), \
                          1 \
                   from pg_index where indrelid = $1::regclass and indexrelid not in \
                       (select conindid from pg_constraint where conrelid = $1::regclass) \
                   order by place";
        let indexes = sqlx::query(sql)
            .bind(relation)
            .fetch_all(&mut *connection)
            .await?;
        for (number, index) in (0_i32..).zip(&indexes) {
            let (build, drop): (String, String) = (index.try_get(0)?, index.try_get(1)?);
            let insert = format!("insert into {schema}.{TAKEN} values ($1, $2)");
            sqlx::query(AssertSqlSafe(insert))
                .bind(number)
                .bind(build)
                .execute(&mut *connection)
                .await?;
            run(connection, &drop).await?;
        }
        if self.additive {
            let columns = crate::columns::select_list(&self.table.columns());
            let sums = format!(
                "create table {} as select {columns} from {relation} with no data",
                self.sums()
            );
            run(connection, &sums).await?;
        }
        Ok(())
    }
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await?;
    Ok(())
}
