-- Returns what became of the newest commands, by type. $1 is the time since which they were
-- accepted, $2 the largest number of them that is read.
with newest as materialized (
    select name, state, rank, created_at, updated_at
    from operations.operation
    where created_at >= $1
    order by created_at desc
    limit $2
), ended as (
    select name,
           count(*) as accepted,
           count(*) filter (where state = 'completed') as completed,
           count(*) filter (where state = 'rejected') as rejected,
           count(*) filter (where state = 'failed') as failed,
           count(*) filter (where state = 'timed_out') as timed_out,
           count(*) filter (where state = 'cancelled') as cancelled,
           percentile_cont(array[0.5, 0.99]) within group (
               order by greatest(extract(epoch from updated_at - created_at), 0)::double precision)
               filter (where rank = 2) as took
    from newest
    group by name
), open as (
    select name,
           count(*) filter (where state = 'pending') as pending,
           count(*) filter (where state = 'running') as running,
           min(created_at) filter (where state = 'pending') as oldest_pending
    from operations.operation
    where state <> 'completed' and state in ('pending', 'running')
    group by name
)
select coalesce(ended.name, open.name) as name,
       coalesce(accepted, 0) as accepted, coalesce(completed, 0) as completed, coalesce(rejected, 0) as rejected,
       coalesce(failed, 0) as failed, coalesce(timed_out, 0) as timed_out, coalesce(cancelled, 0) as cancelled,
       took[1] as p50, took[2] as p99,
       coalesce(pending, 0) as pending, coalesce(running, 0) as running, oldest_pending,
       (select count(*) from newest) as read, (select min(created_at) from newest) as since
from ended full join open on ended.name = open.name
order by 1
