-- Append-only tables refuse UPDATE, DELETE and TRUNCATE. This stops accidents; the tree finds the rest.
CREATE FUNCTION veritrail.refuse_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    RAISE EXCEPTION '% on the append-only table %.%', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'VT001', CONSTRAINT = 'append_only';
END
$$;
COMMENT ON FUNCTION veritrail.refuse_change() IS 'Trigger of the append-only tables: raises VT001.';
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON veritrail.logs
    FOR EACH STATEMENT EXECUTE FUNCTION veritrail.refuse_change();

-- The last part of a writing statement: a part that wrote fewer rows than wanted undoes the whole statement.
CREATE FUNCTION veritrail.require_counts(part text[], written bigint[], wanted bigint[]) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE SET search_path = '' AS $$
BEGIN
    FOR i IN 1 .. cardinality(part) LOOP
        IF written[i] IS DISTINCT FROM wanted[i] THEN
            RAISE EXCEPTION '% rows of % instead of %', written[i], part[i], wanted[i]
                USING ERRCODE = 'VT002', CONSTRAINT = 'require_counts';
        END IF;
    END LOOP;
    RETURN true;
END
$$;
COMMENT ON FUNCTION veritrail.require_counts(text[], bigint[], bigint[]) IS
    'Raises VT002 unless every part of a statement wrote as many rows as wanted.';
