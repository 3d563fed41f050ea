-- Adds changes to the feed. The lock is held until the commit, and it is taken before the first
-- number is given out: so numbers become visible in their order.
with locked as materialized (select pg_advisory_xact_lock($1))
insert into operations.feed (operation_id, from_rank, to_rank)
select change.operation_id, change.from_rank, change.to_rank
from locked, unnest($2::uuid[], $3::smallint[], $4::smallint[]) as change (operation_id, from_rank, to_rank)
