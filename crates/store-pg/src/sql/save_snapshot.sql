INSERT INTO veritrail.entity_snapshots (tenant_id, entity_guid, event_count, position, state, recorded_at)
VALUES ($1::text, $2::text, $3::integer, $4::bigint, $5::text::jsonb, $6::timestamptz)
ON CONFLICT (tenant_id, entity_guid, event_count) DO UPDATE SET position = excluded.position, state = excluded.state,
    recorded_at = excluded.recorded_at
RETURNING true
