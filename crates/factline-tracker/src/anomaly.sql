-- Stores outcomes that lost. An outcome that the operation's row shows after all is a repetition
-- and not an anomaly.
insert into operations.anomaly
    (operation_id, topic, partition, "offset", state, name, code, reason, version, position)
select lost.*
from unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::bigint[], $10::text[])
    as lost (operation_id, topic, partition, "offset", state, name, code, reason, version, position)
join operations.operation as known on known.id = lost.operation_id
where (known.topic, known.partition, known."offset") <> (lost.topic, lost.partition, lost."offset")
on conflict do nothing
returning operation_id
