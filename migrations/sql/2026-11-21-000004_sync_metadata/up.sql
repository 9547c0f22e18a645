-- Where each kind of synchronisation has got to, as it was told us: a mere notebook, hashed into nothing.
CREATE TABLE veritrail.sync_metadata (
    tenant_id  text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL CHECK (key <> ''),
    value      text COLLATE "C" NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, key)
);
COMMENT ON TABLE veritrail.sync_metadata IS 'Timestamps and cursors at which synchronisations have ended.';
COMMENT ON COLUMN veritrail.sync_metadata.key IS 'Which one, such as lastRemoteSync.';
COMMENT ON COLUMN veritrail.sync_metadata.value IS 'Timestamp or cursor, verbatim.';
COMMENT ON COLUMN veritrail.sync_metadata.updated_at IS 'When it was last set, by the server''s clock.';
SELECT veritrail.isolate('veritrail.sync_metadata', 'SELECT', 'INSERT', 'UPDATE');
