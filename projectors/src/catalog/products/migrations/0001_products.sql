create table products (
    product_id   uuid        primary key,
    name         text        not null,
    -- What names are sorted and searched by: without case, the same in every locale, character by character, and
    -- however accents were typed.
    name_key     text        collate "C" not null
                 generated always as (lower(normalize(name, NFC) collate "pg_c_utf8")) stored,
    brand        text        not null,
    price_amount bigint      not null,
    currency     text        not null,
    state        text        not null,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    -- The aggregate's.
    version      bigint      not null
);
-- By name, for keyset paging and for prefixes: of all, of one brand. Names and brands are short: see the rules of the
-- catalogue; a key of any length would fit into no index.
create index products_by_name on products (name_key, product_id);
create index products_by_brand on products (brand, name_key, product_id);
