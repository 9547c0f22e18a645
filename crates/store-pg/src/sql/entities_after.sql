SELECT e.guid, e.version, e.initial::text, e.modified::text, e.deleted_at
FROM veritrail.entities AS e
WHERE e.tenant_id = $1::text AND e.guid > $2::text COLLATE "C" AND e.deleted_at IS NULL
ORDER BY e.guid
LIMIT $3::bigint
