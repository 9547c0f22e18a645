-- The events log. data and metadata hold the canonical text itself: json keeps it byte for byte, so that what was
-- hashed is what is stored.
CREATE TABLE veritrail.events (
    tenant_id      text COLLATE "C" NOT NULL,
    position       bigint NOT NULL CHECK (position >= 0),
    guid           text COLLATE "C" NOT NULL,
    entity_guid    text COLLATE "C" NOT NULL,
    type           text COLLATE "C" NOT NULL,
    schema_version integer,
    data           json,
    metadata       json,
    salts          bytea NOT NULL CHECK (octet_length(salts) IN (16, 48)),
    data_hash      bytea NOT NULL CHECK (octet_length(data_hash) = 32),
    metadata_hash  bytea CHECK (octet_length(metadata_hash) = 32),
    "timestamp"    timestamptz NOT NULL,
    user_id        text COLLATE "C" NOT NULL,
    submitted_by   text COLLATE "C" NOT NULL,
    sync_level     smallint NOT NULL CHECK (sync_level BETWEEN 0 AND 2),
    recorded_at    timestamptz NOT NULL,
    leaf_hash      bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
    PRIMARY KEY (tenant_id, position),
    CONSTRAINT events_guid_key UNIQUE (tenant_id, guid),
    CONSTRAINT events_recorded_at_key UNIQUE (tenant_id, recorded_at)
);
CREATE INDEX events_entity_guid_idx ON veritrail.events (tenant_id, entity_guid, position);
CREATE INDEX events_timestamp_idx ON veritrail.events (tenant_id, "timestamp", position);
CREATE INDEX events_type_idx ON veritrail.events (tenant_id, type, position);
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON veritrail.events
    FOR EACH STATEMENT EXECUTE FUNCTION veritrail.refuse_change();
COMMENT ON TABLE veritrail.events IS 'Submitted events, in the order in which they were recorded.';
COMMENT ON COLUMN veritrail.events.position IS '0-based index in the log: the index of the leaf.';
COMMENT ON COLUMN veritrail.events.data IS 'Canonical text (RFC 8785) of the payload.';
COMMENT ON COLUMN veritrail.events.metadata IS 'Canonical text of the metadata, with context, migratedFrom and extra as members; null where there was none.';
COMMENT ON COLUMN veritrail.events.salts IS 'Three random salts of 16 bytes: data, metadata, envelope.';
COMMENT ON COLUMN veritrail.events.data_hash IS 'SHA-256(0x02 || salt || data).';
COMMENT ON COLUMN veritrail.events.metadata_hash IS 'SHA-256(0x03 || salt || metadata).';
COMMENT ON COLUMN veritrail.events."timestamp" IS 'When it happened, by the device''s clock.';
COMMENT ON COLUMN veritrail.events.user_id IS 'Who made it, by the device''s word.';
COMMENT ON COLUMN veritrail.events.submitted_by IS 'Who submitted it, authenticated.';
COMMENT ON COLUMN veritrail.events.sync_level IS 'Level on arrival: 0 local, 1 remote, 2 external.';
COMMENT ON COLUMN veritrail.events.recorded_at IS 'The server''s stamp, strictly increasing within the log.';
COMMENT ON COLUMN veritrail.events.leaf_hash IS 'Leaf of the tree: SHA-256(0x00 || entry).';

CREATE VIEW veritrail.events_jsonb WITH (security_invoker = true) AS
    SELECT tenant_id, position, guid, entity_guid, type, schema_version, data::jsonb AS data,
           metadata::jsonb AS metadata, "timestamp", user_id, submitted_by, sync_level, recorded_at, leaf_hash
    FROM veritrail.events;
COMMENT ON VIEW veritrail.events_jsonb IS 'Events with data and metadata as jsonb, for queries by content.';
