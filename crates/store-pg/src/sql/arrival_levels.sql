SELECT e.guid, e.position, e.sync_level
FROM unnest($2::text[]) AS wanted (guid)
CROSS JOIN LATERAL (
    SELECT stored.guid, stored.position, stored.sync_level FROM veritrail.events AS stored
    WHERE stored.tenant_id = $1::text AND stored.guid = wanted.guid
    LIMIT 1
) AS e
