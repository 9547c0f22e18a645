SELECT (SELECT e.position FROM veritrail.events AS e WHERE e.tenant_id = $1::text ORDER BY e.position LIMIT 1) IS NOT NULL
    OR (SELECT h.size FROM veritrail.tree_heads AS h WHERE h.tenant_id = $1::text
        ORDER BY h.log, h.epoch, h.size LIMIT 1) IS NOT NULL
    OR (SELECT c.size FROM veritrail.checkpoints AS c WHERE c.tenant_id = $1::text
        ORDER BY c.log, c.epoch, c.size LIMIT 1) IS NOT NULL
