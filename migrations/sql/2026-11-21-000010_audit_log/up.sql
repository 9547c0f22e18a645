-- The audit log, by month of the server's stamp: a month is then one run of positions a tenant, and no device's clock
-- can put a row into the wrong one. Uniqueness and leaves lie in audit_index, which stays when a month goes.
CREATE TABLE veritrail.audit_log (
    tenant_id            text COLLATE "C" NOT NULL,
    position             bigint NOT NULL CHECK (position >= 0),
    guid                 varchar(255) COLLATE "C" NOT NULL,
    "timestamp"          timestamptz NOT NULL,
    ttl                  varchar(255) COLLATE "C",
    principal_id         varchar(255) COLLATE "C",
    organization_id      varchar(255) COLLATE "C" NOT NULL,
    action               varchar(255) COLLATE "C" NOT NULL,
    target_resource_type varchar(255) COLLATE "C",
    target_resource_id   varchar(255) COLLATE "C",
    status               varchar(50) COLLATE "C" NOT NULL DEFAULT 'success'
        CHECK (status IN ('attempt', 'success', 'failure')),
    outcome_description  text COLLATE "C",
    hash                 varchar(64) COLLATE "C" NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
    hash_algorithm       varchar(50) COLLATE "C" NOT NULL DEFAULT 'SHA-256' CHECK (hash_algorithm = 'SHA-256'),
    event_version        varchar(20) COLLATE "C",
    correlation_id       varchar(255) COLLATE "C",
    data_classification  varchar(20) COLLATE "C"
        CHECK (data_classification IN ('PUBLIC', 'INTERNAL', 'CONFIDENTIAL', 'PHI')),
    retention_policy     varchar(50) COLLATE "C",
    processing_latency   integer CHECK (processing_latency >= 0),
    archived_at          timestamptz,
    details              jsonb,
    event_guid           varchar(255) COLLATE "C",
    entity_guid          varchar(255) COLLATE "C",
    changes              json,
    signature            text COLLATE "C",
    salts                bytea NOT NULL CHECK (octet_length(salts) IN (16, 48)),
    changes_hash         bytea CHECK (octet_length(changes_hash) = 32),
    details_hash         bytea CHECK (octet_length(details_hash) = 32),
    submitted_by         text COLLATE "C" NOT NULL,
    recorded_at          timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, position, recorded_at)
) PARTITION BY RANGE (recorded_at);
COMMENT ON TABLE veritrail.audit_log IS 'Who did what, when and to what, in the order in which it was recorded; a partition a month (UTC).';
COMMENT ON COLUMN veritrail.audit_log.position IS '0-based index in the log: the index of the leaf.';
COMMENT ON COLUMN veritrail.audit_log."timestamp" IS 'When it happened, by the clock of whoever says so.';
COMMENT ON COLUMN veritrail.audit_log.ttl IS 'How long the entry is to be kept, by the word of whoever wrote it.';
COMMENT ON COLUMN veritrail.audit_log.principal_id IS 'Who did it, by the word of whoever says so: userId in JSON.';
COMMENT ON COLUMN veritrail.audit_log.organization_id IS 'The organisation; the tenant, where the entry names none.';
COMMENT ON COLUMN veritrail.audit_log.action IS 'What was done, such as user.login; veritrail.* is Veritrail''s own maintenance.';
COMMENT ON COLUMN veritrail.audit_log.target_resource_type IS 'Type of the resource that it was done to, where that is no entity.';
COMMENT ON COLUMN veritrail.audit_log.target_resource_id IS 'That resource.';
COMMENT ON COLUMN veritrail.audit_log.status IS 'How it ended.';
COMMENT ON COLUMN veritrail.audit_log.outcome_description IS 'How it ended, in words; hashed with details.';
COMMENT ON COLUMN veritrail.audit_log.hash IS 'Commitment to the entry, in hexadecimal digits; the leaf hashes it.';
COMMENT ON COLUMN veritrail.audit_log.hash_algorithm IS 'Algorithm of every commitment.';
COMMENT ON COLUMN veritrail.audit_log.event_version IS 'Version of the entry''s schema, by the word of whoever wrote it.';
COMMENT ON COLUMN veritrail.audit_log.correlation_id IS 'What ties entries, requests and log lines together.';
COMMENT ON COLUMN veritrail.audit_log.data_classification IS 'How sensitive it is.';
COMMENT ON COLUMN veritrail.audit_log.retention_policy IS 'Name of the retention policy.';
COMMENT ON COLUMN veritrail.audit_log.processing_latency IS 'How long it took, in milliseconds.';
COMMENT ON COLUMN veritrail.audit_log.archived_at IS 'When the entry was archived; bound into no hash.';
COMMENT ON COLUMN veritrail.audit_log.details IS 'Whatever else is known; unknown members that were received are under extra.';
COMMENT ON COLUMN veritrail.audit_log.event_guid IS 'The event that did it.';
COMMENT ON COLUMN veritrail.audit_log.changes IS 'Canonical text (RFC 8785) of what was changed.';
COMMENT ON COLUMN veritrail.audit_log.signature IS 'The log''s Ed25519 signature of the entry, with the key''s name; bound into no hash.';
COMMENT ON COLUMN veritrail.audit_log.salts IS 'Three random salts of 16 bytes: changes, details, envelope.';
COMMENT ON COLUMN veritrail.audit_log.changes_hash IS 'SHA-256(0x02 || salt || changes).';
COMMENT ON COLUMN veritrail.audit_log.details_hash IS 'SHA-256(0x03 || salt || details and outcome_description as one object).';
COMMENT ON COLUMN veritrail.audit_log.submitted_by IS 'Who submitted it, authenticated.';
COMMENT ON COLUMN veritrail.audit_log.recorded_at IS 'The server''s stamp, strictly increasing within the log.';

-- Every index ends with the stamp, by which pages are cut; the months that a page does not touch are not read.
CREATE INDEX audit_log_recorded_at_idx ON veritrail.audit_log (tenant_id, recorded_at);
CREATE INDEX audit_log_timestamp_idx ON veritrail.audit_log (tenant_id, "timestamp", recorded_at);
CREATE INDEX audit_log_status_idx ON veritrail.audit_log (tenant_id, status, "timestamp", recorded_at);
CREATE INDEX audit_log_action_idx ON veritrail.audit_log (tenant_id, action, recorded_at);
CREATE INDEX audit_log_organization_idx ON veritrail.audit_log (tenant_id, organization_id, recorded_at);
CREATE INDEX audit_log_principal_idx ON veritrail.audit_log (tenant_id, principal_id, action, recorded_at)
    WHERE principal_id IS NOT NULL;
CREATE INDEX audit_log_resource_idx ON veritrail.audit_log (tenant_id, target_resource_type, target_resource_id, recorded_at)
    WHERE target_resource_type IS NOT NULL;
CREATE INDEX audit_log_resource_id_idx ON veritrail.audit_log (tenant_id, target_resource_id, recorded_at)
    WHERE target_resource_id IS NOT NULL;
CREATE INDEX audit_log_correlation_idx ON veritrail.audit_log (tenant_id, correlation_id, recorded_at)
    WHERE correlation_id IS NOT NULL;
CREATE INDEX audit_log_classification_idx ON veritrail.audit_log (tenant_id, data_classification, retention_policy, recorded_at)
    WHERE data_classification IS NOT NULL;
CREATE INDEX audit_log_retention_idx ON veritrail.audit_log (tenant_id, retention_policy, recorded_at)
    WHERE retention_policy IS NOT NULL;
CREATE INDEX audit_log_entity_idx ON veritrail.audit_log (tenant_id, entity_guid, recorded_at)
    WHERE entity_guid IS NOT NULL;
CREATE INDEX audit_log_event_idx ON veritrail.audit_log (tenant_id, event_guid, recorded_at)
    WHERE event_guid IS NOT NULL;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON veritrail.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION veritrail.refuse_change();

CREATE TABLE veritrail.audit_index (
    tenant_id   text COLLATE "C" NOT NULL,
    position    bigint NOT NULL CHECK (position >= 0),
    guid        varchar(255) COLLATE "C" NOT NULL,
    recorded_at timestamptz NOT NULL,
    leaf_hash   bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
    PRIMARY KEY (tenant_id, position),
    CONSTRAINT audit_index_guid_key UNIQUE (tenant_id, guid)
);
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON veritrail.audit_index
    FOR EACH STATEMENT EXECUTE FUNCTION veritrail.refuse_change();
COMMENT ON TABLE veritrail.audit_index IS 'A row for each audit entry, whatever its month: guids are unique across months, and leaves stay when a month goes.';
COMMENT ON COLUMN veritrail.audit_index.recorded_at IS 'The entry''s stamp, which says in which month it lies.';
COMMENT ON COLUMN veritrail.audit_index.leaf_hash IS 'Leaf of the tree: SHA-256(0x00 || entry).';
SELECT veritrail.isolate('veritrail.audit_log', 'SELECT', 'INSERT');
SELECT veritrail.isolate('veritrail.audit_index', 'SELECT', 'INSERT');
