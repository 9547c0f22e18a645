-- Removes the audit log with all its months, and its index.
DROP TABLE veritrail.audit_index;
DROP TABLE veritrail.audit_log;
