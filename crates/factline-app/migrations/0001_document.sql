create table documents.document (
    view     text    not null,
    version  integer not null,
    -- The aggregate's id.
    id       text    not null,
    contents jsonb   not null,
    primary key (view, version, id)
);
