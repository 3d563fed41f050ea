select id, kind, name, state, rank, topic, partition, "offset", aggregate, resource_id, code, reason, user_id,
       version, position, parent, root, retry_of, expires_at, created_at, updated_at,
       pending_partition, pending_offset, pending_at, running_partition, running_offset, running_at
from operations.operation
