-- A lock that is not had in time is an error like any other again.
DROP FUNCTION veritrail.lock_log(text, text);
