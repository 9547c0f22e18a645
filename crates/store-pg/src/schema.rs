//! The tables as Diesel sees them. Generated from the live schema by the test `schema_rs_is_the_live_schema`
//! (`VERITRAIL_WRITE_SCHEMA=1 cargo xtask test schema_rs`); what a column means is said in `COMMENT ON`.

/// The schema `veritrail`.
pub(crate) mod veritrail {
    diesel::table! {
        veritrail.audit_index (tenant_id, position) {
            tenant_id -> Text,
            position -> Int8,
            guid -> Varchar,
            recorded_at -> Timestamptz,
            leaf_hash -> Bytea,
        }
    }

    diesel::table! {
        veritrail.audit_log (tenant_id, position, recorded_at) {
            tenant_id -> Text,
            position -> Int8,
            guid -> Varchar,
            timestamp -> Timestamptz,
            ttl -> Nullable<Varchar>,
            principal_id -> Nullable<Varchar>,
            organization_id -> Varchar,
            action -> Varchar,
            target_resource_type -> Nullable<Varchar>,
            target_resource_id -> Nullable<Varchar>,
            status -> Varchar,
            outcome_description -> Nullable<Text>,
            hash -> Varchar,
            hash_algorithm -> Varchar,
            event_version -> Nullable<Varchar>,
            correlation_id -> Nullable<Varchar>,
            data_classification -> Nullable<Varchar>,
            retention_policy -> Nullable<Varchar>,
            processing_latency -> Nullable<Int4>,
            archived_at -> Nullable<Timestamptz>,
            details -> Nullable<Jsonb>,
            event_guid -> Nullable<Varchar>,
            entity_guid -> Nullable<Varchar>,
            changes -> Nullable<Json>,
            signature -> Nullable<Text>,
            salts -> Bytea,
            changes_hash -> Nullable<Bytea>,
            details_hash -> Nullable<Bytea>,
            submitted_by -> Text,
            recorded_at -> Timestamptz,
        }
    }

    diesel::table! {
        veritrail.checkpoint_signatures (tenant_id, log, epoch, size, key_name, key_id) {
            tenant_id -> Text,
            log -> Text,
            epoch -> Int4,
            size -> Int8,
            key_name -> Text,
            key_id -> Text,
            line -> Text,
            added_at -> Timestamptz,
        }
    }

    diesel::table! {
        veritrail.checkpoints (tenant_id, log, epoch, size) {
            tenant_id -> Text,
            log -> Text,
            epoch -> Int4,
            size -> Int8,
            root -> Bytea,
            note -> Text,
            cosignatures -> Array<Nullable<Text>>,
            published_at -> Timestamptz,
        }
    }

    diesel::table! {
        veritrail.entities (tenant_id, guid) {
            tenant_id -> Text,
            guid -> Text,
            #[sql_name = "type"]
            type_ -> Text,
            name -> Nullable<Text>,
            external_id -> Nullable<Text>,
            version -> Int4,
            initial -> Jsonb,
            modified -> Jsonb,
            last_event_position -> Int8,
            last_updated -> Timestamptz,
            deleted_at -> Nullable<Timestamptz>,
        }
    }

    diesel::table! {
        veritrail.entity_events (tenant_id, entity_guid, position) {
            tenant_id -> Text,
            entity_guid -> Text,
            position -> Int8,
        }
    }

    diesel::table! {
        veritrail.entity_members (tenant_id, member_guid, group_guid) {
            tenant_id -> Text,
            member_guid -> Text,
            group_guid -> Text,
        }
    }

    diesel::table! {
        veritrail.entity_snapshots (tenant_id, entity_guid, event_count) {
            tenant_id -> Text,
            entity_guid -> Text,
            event_count -> Int4,
            position -> Nullable<Int8>,
            state -> Jsonb,
            recorded_at -> Timestamptz,
        }
    }

    diesel::table! {
        veritrail.events (tenant_id, position) {
            tenant_id -> Text,
            position -> Int8,
            guid -> Text,
            entity_guid -> Text,
            #[sql_name = "type"]
            type_ -> Text,
            schema_version -> Nullable<Int4>,
            data -> Nullable<Json>,
            metadata -> Nullable<Json>,
            salts -> Bytea,
            data_hash -> Bytea,
            metadata_hash -> Nullable<Bytea>,
            timestamp -> Timestamptz,
            user_id -> Text,
            submitted_by -> Text,
            sync_level -> Int2,
            recorded_at -> Timestamptz,
            leaf_hash -> Bytea,
        }
    }

    diesel::table! {
        veritrail.hash_anchors (tenant_id, log) {
            tenant_id -> Text,
            log -> Text,
            epoch -> Int4,
            size -> Int8,
            root -> Bytea,
            anchored_at -> Timestamptz,
        }
    }

    diesel::table! {
        veritrail.logs (tenant_id, log) {
            tenant_id -> Text,
            log -> Text,
            log_id -> Uuid,
            hash_alg -> Text,
            epoch -> Int4,
            base_size -> Int8,
            base_stamp -> Nullable<Timestamptz>,
            replica -> Bool,
        }
    }

    diesel::table! {
        veritrail.merkle_tiles (tenant_id, log, epoch, level, tile_index) {
            tenant_id -> Text,
            log -> Text,
            epoch -> Int4,
            level -> Int2,
            tile_index -> Int8,
            root -> Bytea,
            hashes -> Bytea,
        }
    }

    diesel::table! {
        veritrail.retirements (tenant_id, log, from_position) {
            tenant_id -> Text,
            log -> Text,
            from_position -> Int8,
            to_position -> Int8,
            archive -> Text,
            digest -> Bytea,
        }
    }

    diesel::table! {
        veritrail.role_tenants (role, tenant_id) {
            role -> Oid,
            tenant_id -> Text,
        }
    }

    diesel::table! {
        veritrail.sync_levels (tenant_id, log, position) {
            tenant_id -> Text,
            log -> Text,
            position -> Int8,
            level -> Int2,
        }
    }

    diesel::table! {
        veritrail.sync_metadata (tenant_id, key) {
            tenant_id -> Text,
            key -> Text,
            value -> Text,
            updated_at -> Timestamptz,
        }
    }

    diesel::table! {
        veritrail.tree_heads (tenant_id, log, epoch, size) {
            tenant_id -> Text,
            log -> Text,
            epoch -> Int4,
            size -> Int8,
            root -> Bytea,
            frontier -> Bytea,
            recorded_at -> Timestamptz,
        }
    }
}
