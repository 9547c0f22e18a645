WITH new_events AS (
    INSERT INTO veritrail.events (tenant_id, position, guid, entity_guid, type, schema_version, data, metadata, salts,
        data_hash, metadata_hash, "timestamp", user_id, submitted_by, sync_level, recorded_at, leaf_hash)
    SELECT $1::text, $2::bigint + e.ordinal - 1, e.guid, e.entity_guid, e.type, e.schema_version, e.data::json,
        e.metadata::json, e.salts, e.data_hash, e.metadata_hash, e."timestamp", e.user_id, e.submitted_by,
        e.sync_level, e.recorded_at, e.leaf_hash
    FROM unnest($3::text[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::text[], $9::bytea[],
        $10::bytea[], $11::bytea[], $12::timestamptz[], $13::text[], $14::text[], $15::smallint[],
        $16::timestamptz[], $17::bytea[])
        WITH ORDINALITY AS e (guid, entity_guid, type, schema_version, data, metadata, salts, data_hash, metadata_hash,
        "timestamp", user_id, submitted_by, sync_level, recorded_at, leaf_hash, ordinal)
    RETURNING 1
), new_tiles AS (
    INSERT INTO veritrail.merkle_tiles (tenant_id, log, epoch, level, tile_index, root, hashes)
    SELECT $1::text, 'events', $18::integer, t.level, t.tile_index, t.root, t.hashes
    FROM unnest($19::smallint[], $20::bigint[], $21::bytea[], $22::bytea[]) AS t (level, tile_index, root, hashes)
    RETURNING 1
), new_head AS (
    INSERT INTO veritrail.tree_heads (tenant_id, log, epoch, size, root, frontier, recorded_at)
    VALUES ($1::text, 'events', $18::integer, $23::bigint, $24::bytea, $25::bytea, $26::timestamptz)
    RETURNING 1
), expected AS MATERIALIZED (
    SELECT $27::text::jsonb AS versions
), written_entities AS (
    INSERT INTO veritrail.entities AS stored (tenant_id, guid, type, name, external_id, version, initial, modified,
        last_event_position, last_updated, deleted_at)
    SELECT $1::text, w.guid, w.type, w.name, w.external_id, w.version, w.initial::jsonb, w.modified::jsonb,
        w.position, w.last_updated, w.deleted_at
    FROM unnest($28::text[], $29::text[], $30::text[], $31::text[], $32::integer[], $33::text[], $34::text[],
        $35::bigint[], $36::timestamptz[], $37::timestamptz[])
        AS w (guid, type, name, external_id, version, initial, modified, position, last_updated, deleted_at)
    ON CONFLICT (tenant_id, guid) DO UPDATE SET type = excluded.type, name = excluded.name,
        external_id = excluded.external_id, version = excluded.version, initial = excluded.initial,
        modified = excluded.modified, last_event_position = excluded.last_event_position,
        last_updated = excluded.last_updated, deleted_at = excluded.deleted_at
    WHERE stored.version = ((SELECT versions FROM expected) ->> stored.guid)::integer
    RETURNING 1
), new_entity_events AS (
    INSERT INTO veritrail.entity_events (tenant_id, entity_guid, position)
    SELECT $1::text, t.entity_guid, t.position
    FROM unnest($38::text[], $39::bigint[]) AS t (entity_guid, position)
    RETURNING 1
), new_members AS (
    INSERT INTO veritrail.entity_members (tenant_id, member_guid, group_guid)
    SELECT $1::text, m.member_guid, m.group_guid
    FROM unnest($40::text[], $41::text[]) AS m (member_guid, group_guid)
    ON CONFLICT DO NOTHING
    RETURNING 1
), gone_members AS (
    DELETE FROM veritrail.entity_members
    WHERE tenant_id = $1::text AND ctid = ANY (ARRAY(
        SELECT found.ctid
        FROM unnest($42::text[], $43::text[]) AS m (member_guid, group_guid)
        CROSS JOIN LATERAL (
            SELECT stored.ctid FROM veritrail.entity_members AS stored
            WHERE stored.tenant_id = $1::text AND stored.member_guid = m.member_guid
                AND stored.group_guid = m.group_guid
            LIMIT 1
        ) AS found))
    RETURNING 1
)
SELECT veritrail.require_counts(
    ARRAY['events', 'merkle_tiles', 'tree_heads', 'entities', 'entity_events', 'entity_members added',
        'entity_members removed'],
    ARRAY[(SELECT count(*) FROM new_events), (SELECT count(*) FROM new_tiles), (SELECT count(*) FROM new_head),
        (SELECT count(*) FROM written_entities), (SELECT count(*) FROM new_entity_events),
        (SELECT count(*) FROM new_members), (SELECT count(*) FROM gone_members)],
    $44::bigint[])
