WITH new_entries AS (
    INSERT INTO veritrail.audit_log (tenant_id, position, guid, "timestamp", ttl, principal_id, organization_id, action,
        target_resource_type, target_resource_id, status, outcome_description, hash, event_version, correlation_id,
        data_classification, retention_policy, processing_latency, details, event_guid, entity_guid, changes, signature,
        salts, changes_hash, details_hash, submitted_by, recorded_at)
    SELECT $1::text, $2::bigint + e.ordinal - 1, e.guid, e."timestamp", e.ttl, e.principal_id, e.organization_id,
        e.action, e.target_resource_type, e.target_resource_id, e.status, e.outcome_description, e.hash,
        e.event_version, e.correlation_id, e.data_classification, e.retention_policy, e.processing_latency,
        e.details::jsonb, e.event_guid, e.entity_guid, e.changes::json, e.signature, e.salts, e.changes_hash,
        e.details_hash, e.submitted_by, e.recorded_at
    FROM unnest($3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
        $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::integer[],
        $19::text[], $20::text[], $21::text[], $22::text[], $23::text[], $24::bytea[], $25::bytea[], $26::bytea[],
        $27::text[], $28::timestamptz[])
        WITH ORDINALITY AS e (guid, "timestamp", ttl, principal_id, organization_id, action, target_resource_type,
        target_resource_id, status, outcome_description, hash, event_version, correlation_id, data_classification,
        retention_policy, processing_latency, details, event_guid, entity_guid, changes, signature, salts,
        changes_hash, details_hash, submitted_by, recorded_at, ordinal)
    RETURNING 1
), new_index AS (
    INSERT INTO veritrail.audit_index (tenant_id, position, guid, recorded_at, leaf_hash)
    SELECT $1::text, $2::bigint + e.ordinal - 1, e.guid, e.recorded_at, e.leaf_hash
    FROM unnest($3::text[], $28::timestamptz[], $29::bytea[]) WITH ORDINALITY AS e (guid, recorded_at, leaf_hash, ordinal)
    RETURNING 1
), new_tiles AS (
    INSERT INTO veritrail.merkle_tiles (tenant_id, log, epoch, level, tile_index, root, hashes)
    SELECT $1::text, 'audit', $30::integer, t.level, t.tile_index, t.root, t.hashes
    FROM unnest($31::smallint[], $32::bigint[], $33::bytea[], $34::bytea[]) AS t (level, tile_index, root, hashes)
    RETURNING 1
), new_head AS (
    INSERT INTO veritrail.tree_heads (tenant_id, log, epoch, size, root, frontier, recorded_at)
    VALUES ($1::text, 'audit', $30::integer, $35::bigint, $36::bytea, $37::bytea, $38::timestamptz)
    RETURNING 1
)
SELECT veritrail.require_counts(
    ARRAY['audit_log', 'audit_index', 'merkle_tiles', 'tree_heads'],
    ARRAY[(SELECT count(*) FROM new_entries), (SELECT count(*) FROM new_index), (SELECT count(*) FROM new_tiles),
        (SELECT count(*) FROM new_head)],
    $39::bigint[])
