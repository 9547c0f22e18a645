SELECT DISTINCT touched.position
FROM unnest($2::text[]) AS wanted (guid)
CROSS JOIN LATERAL (
    SELECT own.position FROM veritrail.events AS own
    WHERE own.tenant_id = $1::text AND own.entity_guid = wanted.guid
    UNION ALL
    SELECT other.position FROM veritrail.entity_events AS other
    WHERE other.tenant_id = $1::text AND other.entity_guid = wanted.guid
) AS touched
ORDER BY touched.position
LIMIT $3::bigint
