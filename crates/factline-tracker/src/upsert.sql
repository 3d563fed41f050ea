-- One statement for a batch. It is commutative and idempotent, so that instances, orders and
-- repetitions do not matter. The comparison of `excluded` and `known` is `StatusUpdate::beats`.
insert into operations.operation as known
    (id, state, rank, topic, partition, "offset", name, aggregate, resource_id, code, reason, user_id, version,
     position, parent, root, retry_of, created_at, updated_at, kind)
select * from unnest(
    $1::uuid[], $2::text[], $3::smallint[], $4::text[], $5::integer[], $6::bigint[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::text[], $15::uuid[], $16::uuid[],
    $17::uuid[], $18::timestamptz[], $19::timestamptz[], $20::text[])
on conflict (id) do update set
    (state, rank, topic, partition, "offset", name, aggregate, resource_id, code, reason, user_id, version,
     position, parent, root, retry_of, updated_at, kind) = (
        select said.state, said.rank, said.topic, said.partition, said."offset", said.name, said.aggregate,
               said.resource_id, said.code, said.reason, said.user_id, said.version, said.position, said.parent,
               said.root, said.retry_of, said.updated_at, said.kind
        from (select (case when excluded.rank > known.rank
                             or (excluded.rank = known.rank
                                 and (excluded.topic, excluded.partition, excluded."offset")
                                     < (known.topic, known.partition, known."offset"))
                      then excluded else known end).*) as said),
    created_at = least(known.created_at, excluded.created_at)
where excluded.rank > known.rank
   or (excluded.rank = known.rank
       and (excluded.topic, excluded.partition, excluded."offset")
           < (known.topic, known.partition, known."offset"))
   or excluded.created_at < known.created_at
returning
    new.id, new.state, new.topic, new.partition, new."offset", new.created_at, new.updated_at,
    old.state as old_state, old.topic as old_topic, old.partition as old_partition, old."offset" as old_offset,
    old.name as old_name, old.code as old_code, old.reason as old_reason, old.version as old_version,
    old.position as old_position
