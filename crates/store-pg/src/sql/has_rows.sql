SELECT EXISTS (SELECT FROM veritrail.events AS e WHERE e.tenant_id = $1::text)
    OR EXISTS (SELECT FROM veritrail.tree_heads AS h WHERE h.tenant_id = $1::text)
    OR EXISTS (SELECT FROM veritrail.checkpoints AS c WHERE c.tenant_id = $1::text)
