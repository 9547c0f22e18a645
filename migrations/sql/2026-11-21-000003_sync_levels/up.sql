-- How far entries have travelled since they arrived. Apart from the rows of the log, which are never updated: a level
-- marked in place writes the whole row again.
CREATE TABLE veritrail.sync_levels (
    tenant_id text COLLATE "C" NOT NULL,
    log       text COLLATE "C" NOT NULL CHECK (log IN ('events', 'audit', 'changes')),
    position  bigint NOT NULL CHECK (position >= 0),
    level     smallint NOT NULL CHECK (level BETWEEN 1 AND 2),
    PRIMARY KEY (tenant_id, log, position)
);
COMMENT ON TABLE veritrail.sync_levels IS 'Levels that entries have reached after their arrival; an entry without a row has the level on arrival.';
COMMENT ON COLUMN veritrail.sync_levels.level IS 'Highest level reached: 1 remote, 2 external. It never goes down.';

-- A row may be replaced by one of a higher level and by nothing else.
CREATE FUNCTION veritrail.refuse_lowering() RETURNS trigger
    LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF NEW.level > OLD.level AND (NEW.tenant_id, NEW.log, NEW.position) = (OLD.tenant_id, OLD.log, OLD.position) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a sync level of %.% is raised or left as it is', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'VT001', CONSTRAINT = 'append_only';
END
$$;
COMMENT ON FUNCTION veritrail.refuse_lowering() IS 'Trigger of sync_levels: raises VT001 unless an update raises the level.';
CREATE TRIGGER refuse_lowering BEFORE UPDATE ON veritrail.sync_levels
    FOR EACH ROW EXECUTE FUNCTION veritrail.refuse_lowering();
CREATE TRIGGER refuse_change BEFORE DELETE OR TRUNCATE ON veritrail.sync_levels
    FOR EACH STATEMENT EXECUTE FUNCTION veritrail.refuse_change();
SELECT veritrail.isolate('veritrail.sync_levels', 'SELECT', 'INSERT', 'UPDATE');
