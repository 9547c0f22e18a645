-- What the events add up to. Everything here can be rebuilt by replay, so nothing here is hashed.
CREATE TABLE veritrail.entities (
    tenant_id           text COLLATE "C" NOT NULL,
    guid                text COLLATE "C" NOT NULL,
    type                text COLLATE "C" NOT NULL CHECK (type IN ('individual', 'group')),
    name                text,
    external_id         text COLLATE "C",
    version             integer NOT NULL CHECK (version >= 1),
    initial             jsonb NOT NULL,
    modified            jsonb NOT NULL,
    last_event_position bigint NOT NULL,
    last_updated        timestamptz NOT NULL,
    deleted_at          timestamptz,
    PRIMARY KEY (tenant_id, guid)
);
COMMENT ON TABLE veritrail.entities IS 'State of each entity after the newest event that changed it.';
COMMENT ON COLUMN veritrail.entities.version IS 'Counts the events that changed the entity; also the expected version of a write.';
COMMENT ON COLUMN veritrail.entities.initial IS 'State as last synced.';
COMMENT ON COLUMN veritrail.entities.modified IS 'Present state.';
COMMENT ON COLUMN veritrail.entities.last_event_position IS 'Position of the newest event that changed the entity.';
COMMENT ON COLUMN veritrail.entities.last_updated IS 'Timestamp of that event, by the device''s clock.';
COMMENT ON COLUMN veritrail.entities.deleted_at IS 'Timestamp of the event that deleted the entity; null while it lives.';

CREATE TABLE veritrail.entity_events (
    tenant_id   text COLLATE "C" NOT NULL,
    entity_guid text COLLATE "C" NOT NULL,
    position    bigint NOT NULL,
    PRIMARY KEY (tenant_id, entity_guid, position)
);
CREATE INDEX entity_events_position_idx ON veritrail.entity_events (tenant_id, position);
COMMENT ON TABLE veritrail.entity_events IS 'Entities that an event touches besides its own.';

CREATE TABLE veritrail.entity_members (
    tenant_id   text COLLATE "C" NOT NULL,
    member_guid text COLLATE "C" NOT NULL,
    group_guid  text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, member_guid, group_guid)
);
CREATE INDEX entity_members_group_idx ON veritrail.entity_members (tenant_id, group_guid, member_guid);
COMMENT ON TABLE veritrail.entity_members IS 'Which entity is a member of which group: memberIds of the live groups, as an index.';
