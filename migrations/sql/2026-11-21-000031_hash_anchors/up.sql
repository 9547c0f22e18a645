-- The root that a log had when it was last anchored, to be compared when a store is opened. It lies beside the log, so
-- that it finds accidents and who did not know of it; a signed checkpoint finds the rest.
CREATE TABLE veritrail.hash_anchors (
    tenant_id   text COLLATE "C" NOT NULL,
    log         text COLLATE "C" NOT NULL CHECK (log IN ('events', 'audit', 'changes')),
    epoch       integer NOT NULL CHECK (epoch >= 1),
    size        bigint NOT NULL CHECK (size >= 0),
    root        bytea NOT NULL CHECK (octet_length(root) = 32),
    anchored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, log)
);
COMMENT ON TABLE veritrail.hash_anchors IS 'The newest anchored root of each log, with the size of the tree that has it.';
COMMENT ON COLUMN veritrail.hash_anchors.anchored_at IS 'When it was anchored, by the server''s clock.';

-- An anchor may be replaced by a later one and by nothing else.
CREATE FUNCTION veritrail.refuse_moving_back() RETURNS trigger
    LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF (NEW.tenant_id, NEW.log) = (OLD.tenant_id, OLD.log) AND (NEW.epoch, NEW.size) > (OLD.epoch, OLD.size) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an anchor of %.% moves forward or is left as it is', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'VT001', CONSTRAINT = 'append_only';
END
$$;
COMMENT ON FUNCTION veritrail.refuse_moving_back() IS 'Trigger of hash_anchors: raises VT001 unless an update moves an anchor forward.';
CREATE TRIGGER refuse_moving_back BEFORE UPDATE ON veritrail.hash_anchors
    FOR EACH ROW EXECUTE FUNCTION veritrail.refuse_moving_back();
CREATE TRIGGER refuse_change BEFORE DELETE OR TRUNCATE ON veritrail.hash_anchors
    FOR EACH STATEMENT EXECUTE FUNCTION veritrail.refuse_change();
SELECT veritrail.isolate('veritrail.hash_anchors', 'SELECT', 'INSERT', 'UPDATE');
