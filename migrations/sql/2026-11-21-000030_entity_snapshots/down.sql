-- Removes what replay can rebuild.
COMMENT ON COLUMN veritrail.entities.last_event_position IS 'Position of the newest event that changed the entity.';
DO $$
DECLARE
    application regrole;
BEGIN
    FOR application IN
        SELECT granted.grantee::regrole FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS granted
        WHERE c.oid = to_regclass('veritrail.entities') AND granted.privilege_type = 'DELETE'
            AND granted.grantee NOT IN (0, c.relowner)
    LOOP
        EXECUTE format('REVOKE DELETE ON veritrail.entities FROM %s', application);
    END LOOP;
END
$$;
DROP POLICY tenant_delete ON veritrail.entities;
DROP TABLE veritrail.entity_snapshots;
