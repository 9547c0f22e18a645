WITH RECURSIVE members (guid) AS (
    SELECT wanted.guid COLLATE "C" FROM unnest($2::text[]) AS wanted (guid)
    UNION
    SELECT below.member_guid
    FROM members CROSS JOIN LATERAL (
        SELECT m.member_guid FROM veritrail.entity_members AS m
        WHERE $3::boolean AND m.tenant_id = $1::text AND m.group_guid = members.guid
        OFFSET 0
    ) AS below
), around (guid) AS (
    SELECT members.guid FROM members
    UNION
    SELECT above.group_guid
    FROM members CROSS JOIN LATERAL (
        SELECT m.group_guid FROM veritrail.entity_members AS m
        WHERE $3::boolean AND m.tenant_id = $1::text AND m.member_guid = members.guid
        OFFSET 0
    ) AS above
)
SELECT e.guid, e.version, e.initial::text, e.modified::text, e.deleted_at
FROM around CROSS JOIN LATERAL (
    SELECT * FROM veritrail.entities AS stored
    WHERE stored.tenant_id = $1::text AND stored.guid = around.guid
    LIMIT 1
) AS e
