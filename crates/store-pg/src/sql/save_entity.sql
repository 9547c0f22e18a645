WITH stored AS MATERIALIZED (
    SELECT e.version, e.last_event_position FROM veritrail.entities AS e
    WHERE e.tenant_id = $1::text AND e.guid = $2::text
), written AS (
    INSERT INTO veritrail.entities AS kept (tenant_id, guid, type, name, external_id, version, initial, modified,
        last_event_position, last_updated)
    SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::integer, $7::text::jsonb, $8::text::jsonb, -1,
        $9::timestamptz
    -- Without it an entity that has gone since it was read would be made anew.
    WHERE $10::integer IS NULL OR EXISTS (SELECT FROM stored)
    ON CONFLICT (tenant_id, guid) DO UPDATE SET type = excluded.type, name = excluded.name,
        external_id = excluded.external_id, version = excluded.version, initial = excluded.initial,
        modified = excluded.modified, last_updated = excluded.last_updated
    WHERE kept.version = $10::integer AND kept.last_event_position < 0
    RETURNING 1
), new_members AS (
    INSERT INTO veritrail.entity_members (tenant_id, member_guid, group_guid)
    SELECT $1::text, m.member_guid, $2::text FROM unnest($11::text[]) AS m (member_guid)
    WHERE EXISTS (SELECT FROM written)
    ON CONFLICT DO NOTHING
), gone_members AS (
    DELETE FROM veritrail.entity_members AS m
    WHERE m.tenant_id = $1::text AND m.group_guid = $2::text AND m.member_guid <> ALL ($11::text[])
        AND EXISTS (SELECT FROM written)
)
SELECT EXISTS (SELECT FROM written), (SELECT version FROM stored),
    coalesce((SELECT last_event_position >= 0 FROM stored), false)
