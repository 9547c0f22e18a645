-- Removes the guards' functions; the triggers went with their tables.
DROP FUNCTION veritrail.require_counts(text[], bigint[], bigint[]);
DROP TRIGGER refuse_change ON veritrail.logs;
DROP FUNCTION veritrail.refuse_change();
