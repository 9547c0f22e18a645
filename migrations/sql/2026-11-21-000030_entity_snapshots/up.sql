-- States of entities after a number of events, kept so that not all events need be replayed. The events can make them
-- again, so nothing here is hashed. Entities that a caller saves by hand have no event that made them.
CREATE TABLE veritrail.entity_snapshots (
    tenant_id   text COLLATE "C" NOT NULL,
    entity_guid text COLLATE "C" NOT NULL,
    event_count integer NOT NULL CHECK (event_count >= 1),
    position    bigint CHECK (position >= 0),
    state       jsonb NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, entity_guid, event_count)
);
COMMENT ON TABLE veritrail.entity_snapshots IS 'States of entities after a number of events.';
COMMENT ON COLUMN veritrail.entity_snapshots.event_count IS 'How many events have made the state: its version.';
COMMENT ON COLUMN veritrail.entity_snapshots.position IS 'Position of the last event in it; null where that is not known.';
COMMENT ON COLUMN veritrail.entity_snapshots.state IS 'The entity.';
COMMENT ON COLUMN veritrail.entity_snapshots.recorded_at IS 'When the snapshot was taken, by the clock of whoever took it.';
COMMENT ON COLUMN veritrail.entities.last_event_position IS 'Position of the newest event that changed the entity; -1 for one that was saved by hand.';
SELECT veritrail.isolate('veritrail.entity_snapshots', 'SELECT', 'INSERT', 'UPDATE');
-- Who makes entities by themselves may clear them, too.
SELECT veritrail.isolate('veritrail.entities', 'SELECT', 'INSERT', 'UPDATE', 'DELETE');
