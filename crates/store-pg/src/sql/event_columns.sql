SELECT e.position, e.guid, e.entity_guid, e.type, e.schema_version, e.data, e.metadata, e.salts, e.data_hash,
    e.metadata_hash, e."timestamp", e.user_id, e.submitted_by, e.sync_level, e.recorded_at, e.leaf_hash
