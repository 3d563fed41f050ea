-- Workflows: operations that led to others.

-- What began it: a command, or a deadline that came due.
alter table operation add column kind text not null default 'command' check (kind in ('command', 'deadline'));

-- Everything that one operation led to, the oldest first.
create index on operation (root, created_at, id) where root is not null;
