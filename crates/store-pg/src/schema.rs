//! The tables as Diesel sees them. Generated from the live schema by the test `schema_rs_is_the_live_schema`
//! (`VERITRAIL_WRITE_SCHEMA=1 cargo xtask test schema_rs`); what a column means is said in `COMMENT ON`.

/// The schema `veritrail`.
pub(crate) mod veritrail {
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
