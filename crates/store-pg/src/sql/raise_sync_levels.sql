WITH raised AS (
    INSERT INTO veritrail.sync_levels AS stored (tenant_id, log, position, level)
    SELECT $1::text, $2::text, wanted.position, wanted.level
    FROM unnest($3::bigint[], $4::smallint[]) AS wanted (position, level)
    ON CONFLICT (tenant_id, log, position) DO UPDATE SET level = excluded.level WHERE stored.level < excluded.level
    RETURNING 1
)
SELECT count(*) FROM raised
