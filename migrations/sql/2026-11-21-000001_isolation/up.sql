-- Row-level security: a transaction sees and writes the rows of one tenant, which it has set, and no others. What an
-- application may do with a table is said once, by the table's policies; the grants are made from them.
CREATE TABLE veritrail.role_tenants (
    role      regrole NOT NULL,
    tenant_id text COLLATE "C" NOT NULL CHECK (tenant_id <> ''),
    PRIMARY KEY (role, tenant_id)
);
-- Not forced and without a policy: the owner's functions read it, and nobody else does, whatever was granted.
ALTER TABLE veritrail.role_tenants ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE veritrail.role_tenants IS 'Roles that may use these tenants alone; a role that is not listed may use every tenant.';
COMMENT ON COLUMN veritrail.role_tenants.role IS 'The role: follows a renamed one, and a dump names it.';

CREATE FUNCTION veritrail.current_tenant() RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    tenant CONSTANT text := current_setting('veritrail.tenant_id', true);
BEGIN
    IF tenant IS NULL OR tenant = '' THEN
        RAISE EXCEPTION 'no tenant is set: veritrail.tenant_id is empty'
            USING ERRCODE = 'VT003', CONSTRAINT = 'tenant_unset';
    END IF;
    -- Who has logged in counts, and so does the role taken on since: neither lends the other its tenants.
    IF EXISTS (SELECT FROM veritrail.role_tenants) AND EXISTS (
        SELECT FROM (VALUES (to_regrole(quote_ident(session_user))), (to_regrole(quote_ident(current_setting('role')))))
            AS who (role)
        WHERE EXISTS (SELECT FROM veritrail.role_tenants AS bound WHERE bound.role = who.role)
            AND NOT EXISTS (SELECT FROM veritrail.role_tenants AS bound
                WHERE bound.role = who.role AND bound.tenant_id = tenant)
    ) THEN
        RAISE EXCEPTION 'the role may not use the tenant %', tenant
            USING ERRCODE = 'VT004', CONSTRAINT = 'tenant_refused';
    END IF;
    RETURN tenant;
END
$$;
COMMENT ON FUNCTION veritrail.current_tenant() IS
    'The tenant that veritrail.tenant_id names; raises VT003 where it is unset or empty, VT004 where the role may not use it.';

CREATE FUNCTION veritrail.isolate(isolated regclass, VARIADIC commands text[]) RETURNS void
    LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    command text;
    rule text;
    own_rows CONSTANT text := '(tenant_id = (SELECT veritrail.current_tenant()))';
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', isolated);
    FOREACH command IN ARRAY commands LOOP
        rule := CASE command
            WHEN 'SELECT' THEN 'FOR SELECT USING ' || own_rows
            WHEN 'INSERT' THEN 'FOR INSERT WITH CHECK ' || own_rows
            WHEN 'UPDATE' THEN 'FOR UPDATE USING ' || own_rows || ' WITH CHECK ' || own_rows
            WHEN 'LOCK' THEN 'FOR UPDATE USING ' || own_rows || ' WITH CHECK (false)'
            WHEN 'DELETE' THEN 'FOR DELETE USING ' || own_rows
        END;
        IF rule IS NULL THEN
            RAISE EXCEPTION 'a tenant''s rows take SELECT, INSERT, UPDATE, LOCK and DELETE, not %', command
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
        EXECUTE format('DROP POLICY IF EXISTS %I ON %s', 'tenant_' || lower(command), isolated);
        EXECUTE format('CREATE POLICY %I ON %s %s', 'tenant_' || lower(command), isolated, rule);
    END LOOP;
    PERFORM veritrail.renew_grants();
END
$$;
COMMENT ON FUNCTION veritrail.isolate(regclass, text[]) IS
    'Forces row-level security on a table with a tenant_id and says what an application may do with its tenant''s rows: SELECT, INSERT, UPDATE, DELETE, or LOCK (SELECT FOR UPDATE without the right to change).';

CREATE FUNCTION veritrail.grant_application(application regrole) RETURNS void
    LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    privilege text;
BEGIN
    IF EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = application AND (r.rolsuper OR r.rolbypassrls)) THEN
        RAISE EXCEPTION 'the role % bypasses row-level security and is none for an application', application
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR privilege IN
        SELECT 'USAGE ON SCHEMA veritrail'
        UNION ALL
        SELECT 'SELECT ON veritrail.__diesel_schema_migrations'
        UNION ALL
        SELECT format(CASE
                WHEN p.polcmd = 'r' THEN 'SELECT ON %s'
                WHEN p.polcmd = 'a' THEN 'INSERT ON %s'
                WHEN p.polcmd = 'd' THEN 'DELETE ON %s'
                -- A right on one column is enough to lock a row.
                WHEN pg_get_expr(p.polwithcheck, p.polrelid) = 'false' THEN 'UPDATE (tenant_id) ON %s'
                ELSE 'UPDATE ON %s'
            END, p.polrelid::regclass)
        FROM pg_policy AS p
        JOIN pg_class AS c ON c.oid = p.polrelid
        WHERE c.relnamespace = to_regnamespace('veritrail')
        UNION ALL
        SELECT format('SELECT ON %s', c.oid::regclass)
        FROM pg_class AS c
        WHERE c.relnamespace = to_regnamespace('veritrail') AND c.relkind = 'v'
            AND 'security_invoker=true' = ANY (c.reloptions)
    LOOP
        EXECUTE format('GRANT %s TO %s', privilege, application);
    END LOOP;
END
$$;
COMMENT ON FUNCTION veritrail.grant_application(regrole) IS
    'Grants a role what an application needs and no more; tables that come later are granted when they come.';

CREATE FUNCTION veritrail.renew_grants() RETURNS void
    LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    -- An application is known by its right to begin a log.
    PERFORM veritrail.grant_application(granted.grantee::regrole)
    FROM pg_class AS c
    CROSS JOIN LATERAL aclexplode(c.relacl) AS granted
    JOIN pg_roles AS r ON r.oid = granted.grantee
    WHERE c.oid = to_regclass('veritrail.logs') AND granted.privilege_type = 'INSERT'
        AND granted.grantee <> c.relowner AND NOT r.rolsuper AND NOT r.rolbypassrls;
END
$$;
COMMENT ON FUNCTION veritrail.renew_grants() IS
    'Grants what is new to every role that veritrail.grant_application was called for; for the end of a migration that makes a view.';

CREATE FUNCTION veritrail.bind_role(bound regrole, tenant text) RETURNS void
    LANGUAGE sql SET search_path = '' AS $$
    INSERT INTO veritrail.role_tenants (role, tenant_id) VALUES (bound, tenant) ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION veritrail.bind_role(regrole, text) IS
    'Lets a role use this tenant, and no tenant that it is not bound to.';

REVOKE EXECUTE ON FUNCTION veritrail.isolate(regclass, text[]), veritrail.grant_application(regrole),
    veritrail.renew_grants(), veritrail.bind_role(regrole, text) FROM PUBLIC;

SELECT veritrail.isolate('veritrail.logs', 'SELECT', 'INSERT', 'LOCK');
SELECT veritrail.isolate('veritrail.events', 'SELECT', 'INSERT');
SELECT veritrail.isolate('veritrail.merkle_tiles', 'SELECT', 'INSERT');
SELECT veritrail.isolate('veritrail.tree_heads', 'SELECT', 'INSERT');
SELECT veritrail.isolate('veritrail.checkpoints', 'SELECT', 'INSERT');
SELECT veritrail.isolate('veritrail.entities', 'SELECT', 'INSERT', 'UPDATE');
SELECT veritrail.isolate('veritrail.entity_events', 'SELECT', 'INSERT');
SELECT veritrail.isolate('veritrail.entity_members', 'SELECT', 'INSERT', 'DELETE');
