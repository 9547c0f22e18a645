-- Removes the functions that make months; the months themselves go with their table.
DROP FUNCTION veritrail.ensure_audit_partitions(integer);
DROP FUNCTION veritrail.make_audit_partition(text, timestamptz, timestamptz);
