use crate::columns::RowKey as _;

use super::*;

#[test]
fn table_has_the_key_the_document_and_a_column_for_each_filter() {
    let sql = create_table(
        ViewName::new("price-lists", 3),
        &String::columns("id"),
        &[
            GeneratedColumn::text("city").at("address.city"),
            GeneratedColumn::bigint("total").not_null(),
            GeneratedColumn::text("odd").at("it's"),
            GeneratedColumn::timestamptz("sold_at"),
        ],
        &["city, id", "total desc, id"],
    );
    let expected = r#"create function instant_of(value text) returns timestamptz language sql immutable strict return value::timestamptz;
create table price_lists (
    "id" text not null,
    document jsonb not null,
    "city" text collate "C" generated always as ((document #>> array['address', 'city'])::text) stored,
    "total" bigint not null generated always as ((document #>> array['total'])::bigint) stored,
    "odd" text collate "C" generated always as ((document #>> array['it''s'])::text) stored,
    "sold_at" timestamptz generated always as (instant_of(document #>> array['sold_at'])) stored,
    primary key ("id")
);
create index on price_lists (city, id);
create index on price_lists (total desc, id)"#;
    assert_eq!(sql, expected);
}
