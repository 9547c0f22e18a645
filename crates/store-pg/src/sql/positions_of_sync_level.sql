SELECT coalesce(array_agg(examined.position ORDER BY examined.position)
        FILTER (WHERE examined.level = $3::smallint), '{}') AS matching,
    max(examined.position) AS last, count(*) AS examined
FROM (
    SELECT e.position, greatest(e.sync_level, (
        SELECT s.level FROM veritrail.sync_levels AS s
        WHERE s.tenant_id = $1::text AND s.log = 'events' AND s.position = e.position
        LIMIT 1
    )) AS level
    FROM veritrail.events AS e
    WHERE e.tenant_id = $1::text AND e.position >= $2::bigint
    ORDER BY e.position
    LIMIT $4::bigint
) AS examined
