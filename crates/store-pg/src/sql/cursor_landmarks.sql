SELECT coalesce((
        SELECT e.position + 1 FROM veritrail.events AS e WHERE e.tenant_id = $1::text ORDER BY e.position DESC LIMIT 1
    ), 0) AS size,
    greatest(head.recorded_at, known.base_stamp) AS ends, pg_is_in_recovery() AS is_standby,
    (SELECT e.position FROM veritrail.events AS e
        WHERE e.tenant_id = $1::text AND e.guid = $2::text LIMIT 1) AS named,
    (SELECT e.position FROM veritrail.events AS e WHERE e.tenant_id = $1::text AND e."timestamp" = $3::timestamptz
        ORDER BY e.position LIMIT 1) AS happened,
    (SELECT e.position FROM veritrail.events AS e WHERE e.tenant_id = $1::text AND e.recorded_at >= $4::timestamptz
        ORDER BY e.recorded_at LIMIT 1) AS follows,
    (SELECT e.position FROM veritrail.events AS e WHERE e.tenant_id = $1::text AND e.recorded_at >= $5::timestamptz
        ORDER BY e.recorded_at LIMIT 1) AS near,
    (SELECT e.position FROM veritrail.events AS e WHERE e.tenant_id = $1::text AND e.recorded_at >= $6::timestamptz
        ORDER BY e.recorded_at LIMIT 1) AS beyond
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (
    SELECT l.epoch, l.base_stamp FROM veritrail.logs AS l
    WHERE l.tenant_id = $1::text AND l.log = 'events' LIMIT 1
) AS known ON true
LEFT JOIN LATERAL (
    SELECT h.recorded_at FROM veritrail.tree_heads AS h
    WHERE h.tenant_id = $1::text AND h.log = 'events' AND h.epoch = known.epoch
    ORDER BY h.size DESC LIMIT 1
) AS head ON true
