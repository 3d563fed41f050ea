//! One product, lists of them by brand and name, and the prices of one.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::json;

use crate::stage::{Stage, field};

const ONE: &str = "/products/00000000-0000-0000-0000-000000000001";

const TWO: &str = "insert into products
    (product_id, name, brand, price_amount, currency, state, created_at, updated_at, version)
values
    ('00000000-0000-0000-0000-000000000001', 'Ölkanne 50%', 'Acme', 1299, 'EUR', 'offered',
     '2026-03-01T12:00:00.25Z', '2026-03-02T12:00:00Z', 3),
    ('00000000-0000-0000-0000-000000000002', 'ölkanne 5_0', 'acme', 0, 'USD', 'discontinued',
     '2026-03-01T12:00:00Z', '2026-03-02T12:00:00Z', 2)";

/// Sixty products of three brands. Some have the same name, and some names differ only in case.
const MANY: &str = "insert into products
    (product_id, name, brand, price_amount, currency, state, created_at, updated_at, version)
select md5(n::text)::uuid, (array['Tea', 'TEA', 'teapot', 'Cup', 'cup board', 'Ärmel'])[n % 6 + 1],
       (array['Acme', 'Bolt', 'Core'])[n / 6 % 3 + 1], n, 'EUR', 'offered', now(), now(), 1
from generate_series(1, 60) as n";

const PRICES: &str = "insert into price_history (product_id, version, amount, currency, since)
select '00000000-0000-0000-0000-000000000001', n, 100 * n, 'EUR', timestamptz '2026-03-01T12:00:00Z' + n * interval '1 day'
from unnest(array[1, 2, 4, 7, 8]) as n";

#[tokio::test(flavor = "multi_thread")]
async fn product_is_read_by_its_id() {
    let stage = Stage::set().await;
    stage.sql(TWO).await;
    let product = stage.get(ONE).await;
    assert_eq!(
        product.body,
        json!({
            "product_id": "00000000-0000-0000-0000-000000000001",
            "name": "Ölkanne 50%",
            "brand": "Acme",
            "price": {"amount": 1299, "currency": "EUR"},
            "state": "offered",
            "created_at": "2026-03-01T12:00:00.250Z",
            "updated_at": "2026-03-02T12:00:00Z",
            "version": 3,
        })
    );
    let mut known = HeaderMap::new();
    known.insert("if-none-match", product.headers["etag"].clone());
    let again = stage.get_with(ONE, known).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_product_is_404() {
    let stage = Stage::set().await;
    for id in ["00000000-0000-0000-0000-000000000009", "seven"] {
        for path in [format!("/products/{id}"), format!("/products/{id}/prices")] {
            let answer = stage.get(&path).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}

/// An accent is one character or two, as the client's system types it.
#[tokio::test(flavor = "multi_thread")]
async fn search_finds_names_however_their_accents_were_typed() {
    let stage = Stage::set().await;
    stage
        .sql(
            "insert into products
                 (product_id, name, brand, price_amount, currency, state, created_at, updated_at, version)
             select md5(name)::uuid, name, 'Acme', 1, 'EUR', 'offered', now(), now(), 1
             from unnest(array[U&'\\00e9clair one', U&'e\\0301clair two']) as name",
        )
        .await;
    for beginning in ["%C3%A9cl", "e%CC%81cl", "%C3%89CL", "E%CC%81CL"] {
        let found = stage.get(&format!("/products?q={beginning}")).await;
        assert_eq!(
            found.body["items"].as_array().unwrap().len(),
            2,
            "{beginning}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn search_matches_the_beginning_of_names_in_any_case() {
    let stage = Stage::set().await;
    stage.sql(TWO).await;
    let cases = [
        ("%C3%96L", 2),
        ("%C3%B6lkanne%205", 2),
        ("kanne", 0),
        // No character is a wildcard.
        ("%25", 0),
        ("%C3%B6lkanne%205_", 1),
        ("_lkanne", 0),
        ("", 2),
    ];
    for (q, count) in cases {
        let answer = stage.get(&format!("/products?q={q}")).await;
        let items = answer.body["items"].as_array().unwrap().len();
        assert_eq!(items, count, "{q}: {}", answer.body);
    }
    let brand = stage.get("/products?brand=acme").await;
    assert_eq!(brand.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn product_lists_are_ordered_by_name_and_pages_cover_them_once() {
    let stage = Stage::set().await;
    stage.sql(MANY).await;
    let cases = [
        ("/products?", 60),
        ("/products?q=tea", 30),
        ("/products?q=TEAP", 10),
        ("/products?brand=Bolt", 19),
        ("/products?brand=Core&q=cup", 6),
        ("/products?brand=Dash", 0),
    ];
    for (path, count) in cases {
        let whole = stage.pages(path, 500).await;
        assert_eq!(whole.len(), count, "{path}");
        let names = field(&whole, "name");
        let keys: Vec<_> = names.iter().map(|name| name.to_lowercase()).collect();
        assert!(keys.is_sorted(), "{path}: {names:?}");
        for limit in [1, 4, 5] {
            assert_eq!(stage.pages(path, limit).await, whole, "{path} by {limit}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_are_listed_newest_first() {
    let stage = Stage::set().await;
    stage.sql(PRICES).await;
    let path = format!("{ONE}/prices?");
    let whole = stage.pages(&path, 500).await;
    let newest = json!({"price": {"amount": 800, "currency": "EUR"}, "since": "2026-03-09T12:00:00Z", "version": 8});
    assert_eq!((whole.len(), &whole[0]), (5, &newest));
    assert!(field(&whole, "since").is_sorted_by(|one, next| one > next));
    for limit in [1, 2, 3] {
        assert_eq!(stage.pages(&path, limit).await, whole, "by {limit}");
    }
}

/// The plan of a search must use an index, because a catalogue is large and searches are frequent.
#[tokio::test(flavor = "multi_thread")]
async fn search_by_prefix_uses_an_index() {
    let stage = Stage::set().await;
    stage
        .sql(
            "insert into products
                (product_id, name, brand, price_amount, currency, state, created_at, updated_at, version)
            select md5(n::text)::uuid, md5(n::text), 'brand ' || n % 50, n, 'EUR', 'offered', now(), now(), 1
            from generate_series(1, 20000) as n;
            analyze products",
        )
        .await;
    for filter in ["", "brand = 'brand 7' and "] {
        let explain = format!(
            "explain select product_id from read.products where {filter} \
             name_key ^@ lower('AB7'::text collate \"pg_c_utf8\") order by name_key, product_id limit 51"
        );
        let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(explain))
            .fetch_all(&stage.pool)
            .await
            .unwrap();
        let plan = plan.join("\n");
        assert!(
            plan.contains("Index Cond: ") && plan.contains("name_key >= 'ab7'"),
            "{plan}"
        );
        assert!(!plan.contains("Sort"), "{plan}");
    }
}
