SELECT touched.guid
FROM unnest($2::bigint[]) AS wanted (position)
CROSS JOIN LATERAL (
    SELECT own.entity_guid AS guid FROM veritrail.events AS own
    WHERE own.tenant_id = $1::text AND own.position = wanted.position
    UNION ALL
    SELECT other.entity_guid FROM veritrail.entity_events AS other
    WHERE other.tenant_id = $1::text AND other.position = wanted.position
) AS touched
GROUP BY touched.guid
