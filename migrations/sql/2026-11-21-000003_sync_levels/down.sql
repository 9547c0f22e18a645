-- Removes the levels that were reached after arrival.
DROP TABLE veritrail.sync_levels;
DROP FUNCTION veritrail.refuse_lowering();
