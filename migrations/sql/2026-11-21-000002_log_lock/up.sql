-- A log whose lock is not had within lock_timeout is an answer of its own, told from other failures by its name.
CREATE FUNCTION veritrail.lock_log(wanted_tenant text, wanted_log text)
    RETURNS TABLE (log_id uuid, epoch integer, base_stamp timestamptz, replica boolean, is_new boolean)
    LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    inserted bigint;
BEGIN
    RETURN QUERY SELECT l.log_id, l.epoch, l.base_stamp, l.replica, false FROM veritrail.logs AS l
        WHERE l.tenant_id = wanted_tenant AND l.log = wanted_log FOR NO KEY UPDATE;
    IF FOUND THEN
        RETURN;
    END IF;
    INSERT INTO veritrail.logs (tenant_id, log) VALUES (wanted_tenant, wanted_log) ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS inserted = ROW_COUNT;
    RETURN QUERY SELECT l.log_id, l.epoch, l.base_stamp, l.replica, inserted = 1 FROM veritrail.logs AS l
        WHERE l.tenant_id = wanted_tenant AND l.log = wanted_log FOR NO KEY UPDATE;
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'the log % of tenant % is locked by another transaction', wanted_log, wanted_tenant
        USING ERRCODE = 'VT005', CONSTRAINT = 'log_busy';
END
$$;
COMMENT ON FUNCTION veritrail.lock_log(text, text) IS
    'Makes a log unless it is there, locks it until the transaction ends and says who it is; raises VT005 where the lock is not had within lock_timeout.';
