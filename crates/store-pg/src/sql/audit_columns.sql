SELECT a.position, a.guid, a."timestamp", a.ttl, a.principal_id, a.organization_id, a.action, a.target_resource_type,
    a.target_resource_id, a.status, a.outcome_description, a.hash, a.hash_algorithm, a.event_version, a.correlation_id,
    a.data_classification, a.retention_policy, a.processing_latency, a.archived_at, a.details::text, a.event_guid,
    a.entity_guid, a.changes::text, a.signature, a.salts, a.changes_hash, a.details_hash, a.submitted_by, a.recorded_at,
    i.leaf_hash, i.guid, i.recorded_at
