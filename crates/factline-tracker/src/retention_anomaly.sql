-- Deletes anomalies that were noticed before $1, the oldest first, at most $2.
delete from operations.anomaly
where (topic, partition, "offset") in (
    select topic, partition, "offset"
    from operations.anomaly
    where noticed_at < $1
    order by noticed_at
    limit $2
    for update skip locked)
