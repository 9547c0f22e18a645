WITH first AS MATERIALIZED (
    SELECT f.position FROM veritrail.events AS f
    WHERE f.tenant_id = $1::text AND f.position >= $2::bigint
    ORDER BY f.position LIMIT 1
)
SELECT coalesce(array_agg(examined.position ORDER BY examined.position)
        FILTER (WHERE examined.level = $3::smallint), '{}') AS matching,
    max(examined.position) AS last,
    coalesce(max(examined.position) < (
        SELECT e.position FROM veritrail.events AS e WHERE e.tenant_id = $1::text ORDER BY e.position DESC LIMIT 1
    ), false) AS goes_on
FROM (
    SELECT e.position, greatest(e.sync_level, (
        SELECT s.level FROM veritrail.sync_levels AS s
        WHERE s.tenant_id = $1::text AND s.log = 'events' AND s.position = e.position
        LIMIT 1
    )) AS level
    FROM veritrail.events AS e
    WHERE e.tenant_id = $1::text AND e.position >= (SELECT position FROM first)
        AND e.position < $4::bigint + (SELECT position FROM first)
) AS examined
