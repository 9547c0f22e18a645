SELECT DISTINCT touched.position
FROM (
    (SELECT own.position FROM veritrail.events AS own
        WHERE own.tenant_id = $1::text AND own.entity_guid = $2::text AND own.position >= $3::bigint
        ORDER BY own.position LIMIT $4::bigint)
    UNION ALL
    (SELECT other.position FROM veritrail.entity_events AS other
        WHERE other.tenant_id = $1::text AND other.entity_guid = $2::text AND other.position >= $3::bigint
        ORDER BY other.position LIMIT $4::bigint)
) AS touched
ORDER BY touched.position
LIMIT $4::bigint
