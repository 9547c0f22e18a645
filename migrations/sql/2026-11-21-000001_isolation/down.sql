-- Every role that may read the schema reads all tenants again.
DO $$
DECLARE
    policy record;
BEGIN
    FOR policy IN
        SELECT p.polname, p.polrelid::regclass AS isolated
        FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
        WHERE c.relnamespace = to_regnamespace('veritrail')
    LOOP
        EXECUTE format('DROP POLICY %I ON %s', policy.polname, policy.isolated);
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', policy.isolated);
    END LOOP;
END
$$;
DROP FUNCTION veritrail.bind_role(regrole, text);
DROP FUNCTION veritrail.isolate(regclass, text[]);
DROP FUNCTION veritrail.renew_grants();
DROP FUNCTION veritrail.grant_application(regrole);
DROP FUNCTION veritrail.current_tenant();
DROP TABLE veritrail.role_tenants;
