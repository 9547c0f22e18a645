FROM veritrail.events AS e
WHERE e.tenant_id = $1::text AND e.entity_guid = $2::text AND e.position >= $3::bigint
ORDER BY e.position
LIMIT $4::bigint
