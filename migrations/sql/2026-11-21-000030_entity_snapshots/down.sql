-- Removes what replay can rebuild.
COMMENT ON COLUMN veritrail.entities.last_event_position IS 'Position of the newest event that changed the entity.';
DROP TABLE veritrail.entity_snapshots;
