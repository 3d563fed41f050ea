-- Retention: operations that ended long ago are deleted, the oldest first.

create index on operation (updated_at) where rank = 2;

create index on anomaly (noticed_at);
