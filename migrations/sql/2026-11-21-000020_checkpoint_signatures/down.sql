COMMENT ON COLUMN veritrail.checkpoints.cosignatures IS 'Signature lines of witnesses and devices (C2SP tlog-cosignature).';
DROP TABLE veritrail.checkpoint_signatures;
