-- Signatures that were added to checkpoints are lost: the notes stay as they were published.
COMMENT ON COLUMN veritrail.checkpoints.cosignatures IS 'Signature lines of witnesses and devices (C2SP tlog-cosignature).';
DROP TABLE veritrail.checkpoint_signatures;
