-- Returns the operation first, then the operations that its root led to, oldest first. An operation
-- without a root is its own root.
with asked as materialized (
    select id, kind, name, state, aggregate, resource_id, code, reason, user_id, version, position, parent, root, retry_of,
           created_at, updated_at
    from operations.operation
    where id = $1
), related as (
    select id, kind, name, state, aggregate, resource_id, code, reason, user_id, version, position, parent, root, retry_of,
           created_at, updated_at
    from operations.operation
    where root = (select coalesce(root, id) from asked)
    order by created_at, id
    limit $2
)
select id, kind, name, state, aggregate, resource_id, code, reason, user_id, version, position, parent, root, retry_of,
           created_at, updated_at, 0 as part
from asked
union all
select id, kind, name, state, aggregate, resource_id, code, reason, user_id, version, position, parent, root, retry_of,
           created_at, updated_at, 1 as part
from related
order by part, created_at, id
