-- Removes the notebook of synchronisations.
DROP TABLE veritrail.sync_metadata;
