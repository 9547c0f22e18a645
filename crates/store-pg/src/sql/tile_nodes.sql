SELECT wanted.ordinal, tile.hashes
FROM unnest($4::smallint[], $5::bigint[], $6::integer[], $7::integer[])
    WITH ORDINALITY AS wanted (level, tile_index, first, count, ordinal)
CROSS JOIN LATERAL (
    SELECT substring(t.hashes FROM wanted.first * 32 + 1 FOR wanted.count * 32) AS hashes
    FROM veritrail.merkle_tiles AS t
    WHERE t.tenant_id = $1::text AND t.log = $2::text AND t.epoch = $3::integer AND t.level = wanted.level
        AND t.tile_index = wanted.tile_index
    LIMIT 1
) AS tile
ORDER BY wanted.ordinal
