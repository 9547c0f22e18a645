-- What was taken out of a log on purpose: without its record here a gap is a finding.
CREATE TABLE veritrail.retirements (
    tenant_id     text COLLATE "C" NOT NULL,
    log           text COLLATE "C" NOT NULL CHECK (log IN ('audit', 'changes')),
    from_position bigint NOT NULL CHECK (from_position >= 0),
    to_position   bigint NOT NULL CHECK (to_position > from_position),
    archive       text COLLATE "C" NOT NULL,
    digest        bytea NOT NULL CHECK (octet_length(digest) = 32),
    PRIMARY KEY (tenant_id, log, from_position)
);
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON veritrail.retirements
    FOR EACH STATEMENT EXECUTE FUNCTION veritrail.refuse_change();
COMMENT ON TABLE veritrail.retirements IS 'Runs of entries that were archived and removed; an audit entry speaks of each.';
COMMENT ON COLUMN veritrail.retirements.from_position IS 'First position that was removed.';
COMMENT ON COLUMN veritrail.retirements.to_position IS 'Position after the last one that was removed.';
COMMENT ON COLUMN veritrail.retirements.archive IS 'Name of the archive that holds the entries.';
COMMENT ON COLUMN veritrail.retirements.digest IS 'SHA-256 of the archive.';
SELECT veritrail.isolate('veritrail.retirements', 'SELECT');
