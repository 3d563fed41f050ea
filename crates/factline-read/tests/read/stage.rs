//! A database with the tables of a library, and its resources in front of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use factline_postgres::ConsistentReads;
use factline_read::Resource;
use factline_testkit::servers;
use reqwest::StatusCode;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};
use tokio_util::sync::CancellationToken;

pub(crate) struct Stage {
    pub(crate) pool: PgPool,
    origin: String,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

/// Returns a new database with the tables.
pub(crate) async fn database() -> PgPool {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = format!("declared_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let postgres = &servers().await.postgres;
    postgres.create_database(&name).unwrap();
    let url = postgres.url(&name, "factline_projector");
    let pool = PgPool::connect(&url).await.unwrap();
    sql(&pool, include_str!("library.sql")).await;
    pool
}

/// Runs statements.
pub(crate) async fn sql(pool: &PgPool, statements: &str) {
    let statements = AssertSqlSafe(statements);
    sqlx::raw_sql(statements).execute(pool).await.unwrap();
}

impl Stage {
    pub(crate) async fn set(resources: &[Resource]) -> Self {
        Self::with(database().await, resources).await
    }

    /// Serves resources on a free port.
    pub(crate) async fn with(pool: PgPool, resources: &[Resource]) -> Self {
        let patience = Duration::from_millis(500);
        let snapshots = ConsistentReads::new(pool.clone(), patience, CancellationToken::new());
        let router = factline_read::router(resources, snapshots).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { pool, origin }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let response = reqwest::get(format!("{}{path}", self.origin))
            .await
            .unwrap();
        Answer {
            status: response.status(),
            body: response.json().await.unwrap(),
        }
    }

    /// Returns the items of a page.
    pub(crate) async fn items(&self, path: &str) -> Vec<Value> {
        let page = self.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.body);
        page.body["items"].as_array().unwrap().clone()
    }

    /// Returns the items of all pages of a list, in order.
    pub(crate) async fn pages(&self, path: &str, limit: usize) -> Vec<Value> {
        let (mut items, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}&limit={limit}{after}")).await;
            assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.body);
            items.extend(page.body["items"].as_array().unwrap().clone());
            assert!(items.len() <= 100, "{path}: pages repeat rows");
            let Some(next) = page.body["next"].as_str() else {
                return items;
            };
            after = format!("&after={next}");
        }
    }

    /// Returns the parameters that a response refuses.
    pub(crate) async fn refused(&self, path: &str) -> Vec<String> {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        let errors = answer.body["errors"].as_array().unwrap().iter();
        let names = errors.map(|error| error["parameter"].as_str().unwrap().to_owned());
        names.collect()
    }
}
