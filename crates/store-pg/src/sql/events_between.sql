FROM veritrail.events AS e
WHERE e.tenant_id = $1::text AND e."timestamp" >= $2::timestamptz AND e."timestamp" < $3::timestamptz
ORDER BY e."timestamp", e.position
LIMIT $4::bigint
