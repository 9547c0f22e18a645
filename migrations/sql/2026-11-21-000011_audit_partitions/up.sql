-- The months that entries are recorded into: the present one and six more, and a default one for what has none.
CREATE FUNCTION veritrail.ensure_audit_partitions(months_ahead integer DEFAULT 6)
    RETURNS TABLE (partition_name text, state text)
    LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    this_month timestamp := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC');
    begins timestamptz;
    ends timestamptz;
BEGIN
    IF months_ahead NOT BETWEEN 0 AND 120 THEN
        RAISE EXCEPTION 'months_ahead must be 0 to 120, not %', months_ahead USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- One at a time: who waits finds the months there. Released at the end of the transaction.
    PERFORM pg_advisory_xact_lock(hashtextextended('veritrail.ensure_audit_partitions', 0));
    FOR n IN 0 .. months_ahead LOOP
        begins := (this_month + make_interval(months => n)) AT TIME ZONE 'UTC';
        ends := (this_month + make_interval(months => n + 1)) AT TIME ZONE 'UTC';
        partition_name := 'audit_log_' || to_char(begins AT TIME ZONE 'UTC', 'YYYY_MM');
        IF to_regclass(format('veritrail.%I', partition_name)) IS NOT NULL THEN
            state := 'there';
        ELSIF EXISTS (SELECT FROM veritrail.audit_log_default AS d WHERE d.recorded_at >= begins AND d.recorded_at < ends) THEN
            -- Rows that have no month of their own yet must be moved first, which is not done in passing.
            state := 'rows in default';
        ELSE
            PERFORM veritrail.make_audit_partition(partition_name, begins, ends);
            state := 'made';
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION veritrail.ensure_audit_partitions(integer) IS
    'Makes the partitions of audit_log for the present month (UTC) and as many after it, and says of each whether it was there, was made, or has rows in the default partition. Idempotent; several at once wait for each other.';

-- A month is built beside and then attached: making it in place would stop every reader and writer of the log.
CREATE FUNCTION veritrail.make_audit_partition(partition_name text, begins timestamptz, ends timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    EXECUTE format('CREATE TABLE veritrail.%I (LIKE veritrail.audit_log INCLUDING ALL)', partition_name);
    EXECUTE format('COMMENT ON TABLE veritrail.%I IS %L', partition_name,
        format('Audit entries recorded in %s (UTC).', to_char(begins AT TIME ZONE 'UTC', 'YYYY-MM')));
    -- Written in one way whatever the session's TimeZone and DateStyle are.
    EXECUTE format('ALTER TABLE veritrail.audit_log ATTACH PARTITION veritrail.%I FOR VALUES FROM (%L) TO (%L)',
        partition_name, to_char(begins AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS+00'),
        to_char(ends AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS+00'));
    -- The parent's own does not see statements that name a partition.
    EXECUTE format('CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON veritrail.%I
        FOR EACH STATEMENT EXECUTE FUNCTION veritrail.refuse_change()', partition_name);
END
$$;
COMMENT ON FUNCTION veritrail.make_audit_partition(text, timestamptz, timestamptz) IS
    'Makes one partition of audit_log, with indexes and guard.';

CREATE TABLE veritrail.audit_log_default PARTITION OF veritrail.audit_log DEFAULT;
COMMENT ON TABLE veritrail.audit_log_default IS 'Audit entries recorded in a month that has no partition: there should be none.';
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON veritrail.audit_log_default
    FOR EACH STATEMENT EXECUTE FUNCTION veritrail.refuse_change();
SELECT count(*) FROM veritrail.ensure_audit_partitions();
