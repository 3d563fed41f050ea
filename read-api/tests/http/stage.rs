//! A database with the views' tables, and the service in front of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use factline_dev_servers::Servers;
use factline_postgres::{ConsistentReads, process};
use projectors::views::ALL;
use reqwest::header::HeaderMap;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::{PgPool, SqlSafeStr};
use tokio_util::sync::CancellationToken;

pub(crate) struct Stage {
    /// Connections as the role that owns the views, which find the tables of all views.
    pub(crate) pool: PgPool,
    /// Connections as the role of the service.
    pub(crate) reader: PgPool,
    origin: String,
    http: Client,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("read_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let servers = tokio::task::spawn_blocking(Servers::shared).await.unwrap();
        servers.postgres.create_database(&name).unwrap();
        let connect = async |role, search_path: &str| {
            let url = servers.postgres.url(&name, role);
            let options: PgConnectOptions = url.parse().unwrap();
            let options = options.options([("search_path", search_path)]);
            PgPool::connect_with(options).await.unwrap()
        };
        let schemas: Vec<String> = ALL.iter().map(|view| view.view_name().schema()).collect();
        let pool = connect("factline_projector", &schemas.join(",")).await;
        process::migrate(&pool, ALL).await.unwrap();
        let reader = connect("factline_reader", "read").await;
        Self {
            origin: serve(reader.clone()).await,
            pool,
            reader,
            http: Client::new(),
        }
    }

    pub(crate) async fn sql(&self, statements: &'static str) {
        self.run(statements).await;
    }

    pub(crate) async fn run(&self, statements: impl SqlSafeStr) {
        sqlx::raw_sql(statements).execute(&self.pool).await.unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, HeaderMap::new()).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: HeaderMap) -> Answer {
        ask(&self.http, &self.origin, path, headers).await
    }

    /// Returns the items of all pages of a list, in order.
    pub(crate) async fn pages(&self, path: &str, limit: usize) -> Vec<Value> {
        let (mut items, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}&limit={limit}{after}")).await;
            assert_eq!(page.status, StatusCode::OK, "{}", page.body);
            let got = page.body["items"].as_array().unwrap();
            assert!(got.len() <= limit);
            items.extend(got.clone());
            let Some(next) = page.body["next"].as_str() else {
                return items;
            };
            assert_eq!(got.len(), limit, "only the last page may be short");
            after = format!("&after={next}");
        }
    }
}

/// Starts the service on a free port. It waits for positions for at most half a second.
pub(crate) async fn serve(pool: PgPool) -> String {
    let patience = Duration::from_millis(500);
    serve_from(ConsistentReads::new(
        pool,
        patience,
        CancellationToken::new(),
    ))
    .await
}

/// Starts the service with this source of snapshots.
pub(crate) async fn serve_from(snapshots: ConsistentReads) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let router = factline_read::router(read_api::RESOURCES, snapshots).unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    origin
}

pub(crate) async fn ask(http: &Client, origin: &str, path: &str, headers: HeaderMap) -> Answer {
    let request = http.get(format!("{origin}{path}")).headers(headers);
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.text().await.unwrap();
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&bytes).unwrap()
    };
    if status.is_client_error() || status.is_server_error() {
        assert_eq!(headers["content-type"], "application/problem+json");
    }
    Answer {
        status,
        headers,
        body,
    }
}

/// Returns one field of each item.
pub(crate) fn field(items: &[Value], name: &str) -> Vec<String> {
    let text = |item: &Value| item[name].as_str().unwrap().to_owned();
    items.iter().map(text).collect()
}
