FROM unnest($2::text[]) AS wanted (guid)
CROSS JOIN LATERAL (
    SELECT * FROM veritrail.events AS stored
    WHERE stored.tenant_id = $1::text AND stored.guid = wanted.guid
    LIMIT 1
) AS e
