-- Lists of operations, the newest first, by what clients select.

create index on operation (created_at, id);
create index on operation (user_id, created_at, id);
create index on operation (name, created_at, id);
create index on operation (aggregate, resource_id, created_at, id);
-- Almost all operations complete, so their state selects nothing.
create index on operation (state, created_at, id) where state <> 'completed';
create index on operation (code, created_at, id) where code is not null;

-- The operations that repeat another one.
create index on operation (retry_of) where retry_of is not null;
