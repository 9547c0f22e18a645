SELECT s.event_count, s.position, s.state::text, s.recorded_at
FROM veritrail.entity_snapshots AS s
WHERE s.tenant_id = $1::text AND s.entity_guid = $2::text AND s.event_count <= $3::integer
ORDER BY s.event_count DESC
LIMIT 1
