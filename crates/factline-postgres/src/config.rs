//! How a process finds PostgreSQL.

use std::ffi::OsStr;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use factline_kafka::client::security::{TLS, WithoutTls};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{Connection as _, PgPool};

/// How long a transaction may stand still between two statements. Whoever is stopped inside one, or cut off, holds its rows
/// and checkpoints, and so the partitions that others have taken over: PostgreSQL ends it then.
const STILL: &str = "set idle_in_transaction_session_timeout = '20s'";

/// A connection that was used within this time is taken to be alive still: to ask costs a round trip.
const ALIVE: Duration = Duration::from_secs(2);

/// Options of every process that talks to PostgreSQL.
#[derive(Clone, clap::Args)]
pub struct PostgresConfig {
    /// PostgreSQL as <postgres://user@host:port/database>, of a role that may do this process's work and no more
    #[arg(
        long,
        env = "FACTLINE_DATABASE_URL",
        hide_env_values = true,
        value_parser = Url
    )]
    pub database_url: PgConnectOptions,

    /// Connections held open at most
    #[arg(long, env = "FACTLINE_DATABASE_CONNECTIONS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    pub database_connections: u32,
}

impl PostgresConfig {
    /// A pool that connects when it is first used, so that a process can start while the database is away and say so.
    /// `process` is the name that `pg_stat_activity` shows.
    pub fn pool(&self, process: &str) -> PgPool {
        self.pool_of(process, self.database_connections)
    }

    /// A pool for one follower: no request keeps it waiting, and its few statements are planned once for each of its
    /// connections. A second connection is there for when one hangs.
    pub fn follower_pool(&self, process: &str) -> PgPool {
        self.pool_of(process, self.database_connections.min(2))
    }

    fn pool_of(&self, process: &str, connections: u32) -> PgPool {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(5))
            .test_before_acquire(false)
            .before_acquire(|connection, last| {
                Box::pin(
                    async move { Ok(last.idle_for < ALIVE || connection.ping().await.is_ok()) },
                )
            })
            .after_connect(|connection, _| {
                Box::pin(async move { sqlx::query(STILL).execute(connection).await.map(|_| ()) })
            })
            .connect_lazy_with(self.database_url.clone().application_name(process))
    }
}

impl std::fmt::Debug for PostgresConfig {
    /// Without the URL, which may hold a password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PostgresConfig")
            .field("database_connections", &self.database_connections)
            .finish_non_exhaustive()
    }
}

/// Why a URL is not taken.
#[derive(Debug, thiserror::Error)]
enum InvalidUrl {
    /// It is none.
    #[error(transparent)]
    Syntax(#[from] sqlx::Error),
    /// It asks for what was left out when this program was built.
    #[error("sslmode {0:?}: {WithoutTls}")]
    WithoutTls(PgSslMode),
}

/// Parses the URL. Unlike a plain function, it refuses one without showing it: it may hold a password.
#[derive(Clone)]
struct Url;

impl TypedValueParser for Url {
    type Value = PgConnectOptions;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<PgConnectOptions, clap::Error> {
        let refused = |why: String| {
            let text = format!("invalid value for '--database-url': {why}\n");
            clap::Error::raw(ErrorKind::ValueValidation, text).with_cmd(command)
        };
        let text = value
            .to_str()
            .ok_or_else(|| refused("is not UTF-8".to_owned()))?;
        options(text).map_err(|error| refused(error.to_string()))
    }
}

/// Refuses at once what would otherwise be refused at the first connection.
fn options(text: &str) -> Result<PgConnectOptions, InvalidUrl> {
    use PgSslMode::{Require, VerifyCa, VerifyFull};
    let options: PgConnectOptions = text.parse()?;
    match options.get_ssl_mode() {
        mode @ (Require | VerifyCa | VerifyFull) if !TLS => Err(InvalidUrl::WithoutTls(mode)),
        _ => Ok(options),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Flags {
        #[command(flatten)]
        postgres: PostgresConfig,
    }

    #[test]
    fn a_wrong_url_is_not_shown() {
        for url in [
            "postgres://ada:sesame@127.0.0.1:port/factline",
            "postgres://ada:sesame@127.0.0.1/factline?sslmode=some",
        ] {
            let flags = Flags::try_parse_from(["test", "--database-url", url]);
            let error = flags.unwrap_err().to_string();
            assert!(
                error.contains("--database-url") && !error.contains("sesame"),
                "{error}"
            );
        }
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn encryption_is_refused_and_the_feature_is_named() {
        let url = "postgres://factline_reader@127.0.0.1/factline";
        for mode in ["require", "verify-ca", "verify-full"] {
            let error = options(&format!("{url}?sslmode={mode}")).unwrap_err();
            assert!(error.to_string().contains("feature `tls`"), "{error}");
        }
        for accepted in ["", "?sslmode=prefer", "?sslmode=disable"] {
            options(&format!("{url}{accepted}")).unwrap();
        }
    }
}
