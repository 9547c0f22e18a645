SELECT CASE $2::text
        WHEN 'events' THEN (SELECT e.position FROM veritrail.events AS e WHERE e.tenant_id = $1::text
            ORDER BY e.position LIMIT 1) IS NOT NULL
        WHEN 'audit' THEN (SELECT i.position FROM veritrail.audit_index AS i WHERE i.tenant_id = $1::text
            ORDER BY i.position LIMIT 1) IS NOT NULL
            OR (SELECT a.position FROM veritrail.audit_log AS a WHERE a.tenant_id = $1::text
                ORDER BY a.position LIMIT 1) IS NOT NULL
        ELSE false
    END
    OR (SELECT h.size FROM veritrail.tree_heads AS h WHERE h.tenant_id = $1::text AND h.log = $2::text
        ORDER BY h.epoch, h.size LIMIT 1) IS NOT NULL
    OR (SELECT c.size FROM veritrail.checkpoints AS c WHERE c.tenant_id = $1::text AND c.log = $2::text
        ORDER BY c.epoch, c.size LIMIT 1) IS NOT NULL
