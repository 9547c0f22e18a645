(SELECT a.position, a.guid FROM veritrail.audit_log AS a
    WHERE a.tenant_id = $1::text AND a.position < 0 ORDER BY a.position LIMIT $3::bigint)
UNION ALL
(SELECT a.position, a.guid FROM veritrail.audit_log AS a
    WHERE a.tenant_id = $1::text AND a.position >= $2::bigint ORDER BY a.position LIMIT $3::bigint)
