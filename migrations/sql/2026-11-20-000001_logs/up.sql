-- A tenant's logs: one row to lock and the log's identity. An append locks the row and never updates it, because
-- a counter row that every append updates becomes slow as soon as one old snapshot stays open.
CREATE TABLE veritrail.logs (
    tenant_id  text COLLATE "C" NOT NULL CHECK (tenant_id <> ''),
    log        text COLLATE "C" NOT NULL CHECK (log IN ('events', 'audit', 'changes')),
    log_id     uuid NOT NULL DEFAULT gen_random_uuid(),
    hash_alg   text COLLATE "C" NOT NULL DEFAULT 'sha256' CHECK (hash_alg IN ('sha256')),
    epoch      integer NOT NULL DEFAULT 1 CHECK (epoch >= 1),
    base_size  bigint NOT NULL DEFAULT 0 CHECK (base_size >= 0),
    base_stamp timestamptz,
    replica    boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, log)
);
COMMENT ON TABLE veritrail.logs IS 'One row for each log of a tenant: what an append locks, and who the log is.';
COMMENT ON COLUMN veritrail.logs.log_id IS 'Identity of the log, bound into every leaf and into the origin of its checkpoints.';
COMMENT ON COLUMN veritrail.logs.hash_alg IS 'Hash of the tree''s nodes.';
COMMENT ON COLUMN veritrail.logs.epoch IS 'Counts the lives of the log from 1.';
COMMENT ON COLUMN veritrail.logs.base_size IS 'Tree size at which the present epoch began.';
COMMENT ON COLUMN veritrail.logs.base_stamp IS 'Last stamp before the present epoch; stamps go on from here.';
COMMENT ON COLUMN veritrail.logs.replica IS 'Whether the log is a verified copy of another database''s log: it refuses appends and signatures.';
