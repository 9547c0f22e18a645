SELECT h.size, h.root, h.frontier, h.recorded_at, c.size AS published_size, clock_timestamp(),
    current_setting('transaction_isolation') = 'read committed'
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (
    SELECT t.size, t.root, t.frontier, t.recorded_at FROM veritrail.tree_heads AS t
    WHERE t.tenant_id = $1::text AND t.log = $2::text AND t.epoch = $3::integer
    ORDER BY t.size DESC LIMIT 1
) AS h ON true
LEFT JOIN LATERAL (
    SELECT p.size FROM veritrail.checkpoints AS p
    WHERE p.tenant_id = $1::text AND p.log = $2::text AND p.epoch = $3::integer
    ORDER BY p.size DESC LIMIT 1
) AS c ON true
