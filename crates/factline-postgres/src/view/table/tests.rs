use crate::{Columns, RowKey};

use super::*;

#[derive(Columns)]
struct Spending {
    orders: i64,
    total: i128,
}

#[derive(RowKey)]
struct Purse {
    customer_id: String,
    currency: String,
}

#[derive(Columns)]
struct Nothing {}

fn table(per_partition: bool) -> Table {
    Table::new::<Purse, Spending>(ViewName::new("customer-spending", 3), "id", per_partition)
}

#[test]
fn load_returns_the_partition_that_it_was_given() {
    assert_eq!(
        table(false).load(),
        r#"select wanted."customer_id", wanted."currency", wanted."source_partition", known."orders", known."total" from unnest($1::text[], $2::text[], $3::integer[]) as wanted ("customer_id", "currency", "source_partition") join customer_spending_v3.customer_spending as known on known."customer_id" = wanted."customer_id" and known."currency" = wanted."currency""#
    );
}

#[test]
fn load_of_a_row_for_each_partition_compares_the_partition() {
    let sql = table(true).load();
    let compared = r#"and known."source_partition" = wanted."source_partition""#;
    assert!(sql.ends_with(compared), "{sql}");
}

#[test]
fn upsert_overwrites_all_columns_but_the_key() {
    assert_eq!(
        table(false).upsert(),
        r#"insert into customer_spending_v3.customer_spending as known ("customer_id", "currency", "orders", "total") select made."customer_id", made."currency", made."orders", made."total" from unnest($1::text[], $2::text[], $3::bigint[], $4::numeric[]) as made ("customer_id", "currency", "orders", "total") on conflict ("customer_id", "currency") do update set "orders" = excluded."orders", "total" = excluded."total""#
    );
}

#[test]
fn upsert_of_a_row_without_columns_keeps_it() {
    let table = Table::new::<String, Nothing>(ViewName::new("names", 1), "name", false);
    assert_eq!(
        table.upsert(),
        r#"insert into names_v1.names as known ("name") select made."name" from unnest($1::text[]) as made ("name") on conflict ("name") do nothing"#
    );
}

#[test]
fn add_locks_in_the_order_of_keys_and_adds_to_the_row() {
    let sql = table(false).add();
    let ending = r#" order by made."customer_id", made."currency" on conflict ("customer_id", "currency") do update set "orders" = known."orders" + excluded."orders", "total" = known."total" + excluded."total""#;
    assert!(sql.ends_with(ending), "{sql}");
}

#[test]
fn delete_compares_the_whole_key() {
    assert_eq!(
        table(true).delete(),
        r#"delete from customer_spending_v3.customer_spending as known using unnest($1::text[], $2::text[], $3::integer[]) as gone ("customer_id", "currency", "source_partition") where known."customer_id" = gone."customer_id" and known."currency" = gone."currency" and known."source_partition" = gone."source_partition""#
    );
}

#[derive(Columns)]
struct Cart {
    #[column(json)]
    lines: Vec<String>,
    #[column(json)]
    note: Option<String>,
}

#[test]
fn json_is_bound_as_text_and_converted() {
    let table = Table::new::<String, Cart>(ViewName::new("carts", 1), "id", false);
    let sql = table.upsert();
    let converted = r#"select made."id", made."lines"::jsonb, made."note"::jsonb from unnest($1::text[], $2::text[], $3::text[])"#;
    assert!(sql.contains(converted), "{sql}");
}
