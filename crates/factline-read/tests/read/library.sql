create schema read;
create schema books_v1;
create table books_v1.books (
    isbn        text        collate "C" primary key,
    title       text        not null,
    title_key   text        collate "C" not null generated always as (lower(title)) stored,
    kind        text        not null,
    shelf       uuid        not null,
    pages       integer     not null,
    copies      smallint    not null,
    readers     bigint      not null,
    price       numeric     not null,
    lent        boolean     not null,
    printed_on  date        not null,
    bought_at   timestamptz not null,
    returned_at timestamptz,
    notes       jsonb       not null default '[]'
);
create index books_by_title on books_v1.books (title_key, isbn);
create index books_by_kind on books_v1.books (kind, title_key, isbn);
create index books_by_pages on books_v1.books (pages desc, isbn desc);
create index books_by_kind_and_pages on books_v1.books (kind, pages desc, isbn desc);
create index books_by_price on books_v1.books (price, isbn);
create view read.books as
    select isbn, title, title_key, kind, shelf, pages, copies, readers, price, lent, printed_on, bought_at, returned_at,
           notes
    from books_v1.books;
create table read.books_checkpoint (topic text, partition integer, topic_identity text, sequence bigint);

create table read.books_parked (topic text, partition integer, key text, sequence bigint, event_time timestamptz);
create table read.books_state (state text, topic text, partition integer, record_offset bigint, sequence bigint);

create schema loans_v1;
create table loans_v1.loans (
    isbn    text   collate "C",
    number  bigint,
    reader  text   not null,
    primary key (isbn, number)
);
create view read.loans as select isbn, number, reader from loans_v1.loans;
create table read.loans_checkpoint (topic text, partition integer, topic_identity text, sequence bigint);
create table read.loans_parked (topic text, partition integer, key text, sequence bigint, event_time timestamptz);
create table read.loans_state (state text, topic text, partition integer, record_offset bigint, sequence bigint);
