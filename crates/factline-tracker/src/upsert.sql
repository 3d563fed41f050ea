-- One statement for a batch. It is commutative and idempotent, so that instances, orders and
-- repetitions do not matter. The comparison of `excluded` and `known` is `StatusUpdate::beats`. What
-- does not depend on the winner (the earliest times, the records of the history) is merged apart.
insert into operations.operation as known
    (id, state, rank, topic, partition, "offset", name, aggregate, resource_id, code, reason, user_id, version,
     position, parent, root, retry_of, created_at, updated_at, kind,
     pending_partition, pending_offset, pending_at, running_partition, running_offset, running_at, expires_at)
select * from unnest(
    $1::uuid[], $2::text[], $3::smallint[], $4::text[], $5::integer[], $6::bigint[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::text[], $15::uuid[], $16::uuid[],
    $17::uuid[], $18::timestamptz[], $19::timestamptz[], $20::text[],
    $21::integer[], $22::bigint[], $23::timestamptz[], $24::integer[], $25::bigint[], $26::timestamptz[],
    $27::timestamptz[])
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
    (pending_partition, pending_offset, pending_at) = (
        select partition, "offset", at
        from (values (known.pending_partition, known.pending_offset, known.pending_at),
                     (excluded.pending_partition, excluded.pending_offset, excluded.pending_at))
            as step (partition, "offset", at)
        order by partition, "offset", at limit 1),
    (running_partition, running_offset, running_at) = (
        select partition, "offset", at
        from (values (known.running_partition, known.running_offset, known.running_at),
                     (excluded.running_partition, excluded.running_offset, excluded.running_at))
            as step (partition, "offset", at)
        order by partition, "offset", at limit 1),
    expires_at = least(known.expires_at, excluded.expires_at),
    created_at = least(known.created_at, excluded.created_at)
where excluded.rank > known.rank
   or (excluded.rank = known.rank
       and (excluded.topic, excluded.partition, excluded."offset")
           < (known.topic, known.partition, known."offset"))
   or excluded.created_at < known.created_at
   or (excluded.pending_at is not null
       and (known.pending_at is null
            or (excluded.pending_partition, excluded.pending_offset, excluded.pending_at)
                < (known.pending_partition, known.pending_offset, known.pending_at)))
   or (excluded.running_at is not null
       and (known.running_at is null
            or (excluded.running_partition, excluded.running_offset, excluded.running_at)
                < (known.running_partition, known.running_offset, known.running_at)))
returning
    new.id, new.state, new.rank, new.topic, new.partition, new."offset", new.created_at, new.updated_at,
    old.state as old_state, old.rank as old_rank,
    old.topic as old_topic, old.partition as old_partition, old."offset" as old_offset,
    old.name as old_name, old.code as old_code, old.reason as old_reason, old.version as old_version,
    old.position as old_position
