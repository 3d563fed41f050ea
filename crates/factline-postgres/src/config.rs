//! Connection options for PostgreSQL.

use std::ffi::OsStr;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use factline_kafka::client::security::{TLS, WithoutTls};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{Connection as _, PgPool};

/// Maximum idle time of a transaction between two statements. A stalled or disconnected process
/// inside a transaction holds its rows and checkpoints, and so blocks partitions that other
/// processes have taken over. PostgreSQL then ends the transaction.
const SET_IDLE_TIMEOUT: &str = "set idle_in_transaction_session_timeout = '20s'";

/// Maximum time of a statement that answers a client. The client does not wait longer, and the
/// statement holds a connection that others need.
const SET_STATEMENT_TIMEOUT: &str = "set statement_timeout = '5s'";

/// Isolation level of a statement outside of a transaction, on which
/// [`ConsistentReads::one_statement`](crate::ConsistentReads::one_statement) relies. A database or
/// a role may have another default.
const SET_ISOLATION: &str = "set default_transaction_isolation = 'read committed'";

/// Idle time up to which a connection is assumed to be alive. A check costs a round trip.
const ASSUMED_ALIVE: Duration = Duration::from_secs(2);

/// Options of every process that talks to PostgreSQL.
#[derive(Clone, clap::Args)]
pub struct PostgresConfig {
    /// PostgreSQL as <postgres://user@host:port/database>, of a role that may do this process's
    /// work and no more
    #[arg(
        long,
        env = "FACTLINE_DATABASE_URL",
        hide_env_values = true,
        value_parser = Url
    )]
    pub database_url: PgConnectOptions,

    /// Maximum number of open connections
    #[arg(long, env = "FACTLINE_DATABASE_CONNECTIONS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    pub database_connections: u32,
}

impl PostgresConfig {
    /// Returns a pool that connects at its first use. A process can therefore start while the
    /// database is unavailable, and report that. `process` is the name that `pg_stat_activity`
    /// shows.
    pub fn pool(&self, process: &str) -> PgPool {
        self.pool_of(process, self.database_connections, &[SET_IDLE_TIMEOUT])
    }

    /// Returns a pool for reads that answer clients. A statement that takes longer than 5 seconds
    /// is cancelled, which is transient.
    pub fn reader_pool(&self, process: &str) -> PgPool {
        let settings = &[SET_IDLE_TIMEOUT, SET_STATEMENT_TIMEOUT, SET_ISOLATION];
        self.pool_of(process, self.database_connections, settings)
    }

    /// Returns a pool for one follower. Requests of other users of the database pool cannot delay
    /// it, and its few statements are planned once for each connection. The second connection is
    /// for the case that the first one hangs.
    pub fn follower_pool(&self, process: &str) -> PgPool {
        self.pool_of(
            process,
            self.database_connections.min(2),
            &[SET_IDLE_TIMEOUT],
        )
    }

    fn pool_of(
        &self,
        process: &str,
        connections: u32,
        settings: &'static [&'static str],
    ) -> PgPool {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(5))
            .test_before_acquire(false)
            .before_acquire(|connection, last| {
                Box::pin(async move {
                    Ok(last.idle_for < ASSUMED_ALIVE || connection.ping().await.is_ok())
                })
            })
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    for &setting in settings {
                        sqlx::query(setting).execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            })
            .connect_lazy_with(self.database_url.clone().application_name(process))
    }
}

impl std::fmt::Debug for PostgresConfig {
    /// Omits the URL, which may hold a password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PostgresConfig")
            .field("database_connections", &self.database_connections)
            .finish_non_exhaustive()
    }
}

/// Reason why a URL is rejected.
#[derive(Debug, thiserror::Error)]
enum InvalidUrl {
    /// The text is not a valid URL.
    #[error(transparent)]
    Syntax(#[from] sqlx::Error),
    /// The URL requires TLS, and this program was built without it.
    #[error("sslmode {0:?}: {WithoutTls}")]
    WithoutTls(PgSslMode),
}

/// Parser of the URL. Unlike a plain function, it rejects a URL without printing it, because the
/// URL may hold a password.
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

/// Parses the options. Rejects at startup what the first connection would reject.
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
    fn invalid_url_is_not_printed() {
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
    fn encryption_without_the_tls_feature_is_refused() {
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
