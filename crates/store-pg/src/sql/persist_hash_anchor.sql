INSERT INTO veritrail.hash_anchors AS kept (tenant_id, log, epoch, size, root)
VALUES ($1::text, $2::text, $3::integer, $4::bigint, $5::bytea)
ON CONFLICT (tenant_id, log) DO UPDATE SET epoch = excluded.epoch, size = excluded.size, root = excluded.root,
    anchored_at = clock_timestamp()
WHERE (kept.epoch, kept.size) < (excluded.epoch, excluded.size)
