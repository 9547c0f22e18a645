//! What every store must do: one list of facts about the ports, to be run on each store there is.
//!
//! A fact is a function over [`Stores`]: data in, data out. [`every_fact`](crate::every_fact) names them all, so that
//! each is a test of its own on each store (`tests/tests/conformance.rs`), and a failure names both. Not here: what is
//! one store's alone, such as applying events, cursors, checkpoints, verification, and the clock of the store in memory.

#![expect(clippy::unwrap_used, reason = "a fact ends at the first thing that is not as it must be")]

pub mod anchors;
pub mod entities;
pub mod levels;
pub mod malformed;
pub mod reading;
pub mod saving;
pub mod snapshots;
pub mod tree;

use veritrail_core::store::{
    EntityStore, EventStore, HashAnchorStore, SnapshotStore, SyncLevelStore, TreeStore,
};
use veritrail_core::{FormSubmission, MemoryStore, Position, Receipt, StoredEvent, TenantId};
use veritrail_store_pg::{PgEventStore, Session};

use crate::database::TestDatabase;
use crate::sample::{individuals, store, submitter};

/// All ports at once.
pub trait AnyStore:
    EventStore + TreeStore + SyncLevelStore + EntityStore + SnapshotStore + HashAnchorStore
{
}

impl<S: EventStore + TreeStore + SyncLevelStore + EntityStore + SnapshotStore + HashAnchorStore> AnyStore
    for S
{
}

/// A kind of store with two tenants, empty at first.
pub trait Stores {
    /// A handle of one tenant's store.
    type Store<'a>: AnyStore
    where
        Self: 'a;

    /// A new handle of a tenant's store.
    fn open(&self, tenant: Tenant) -> impl Future<Output = Self::Store<'_>>;
}

/// A tenant of the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenant {
    /// The one that most facts are about.
    A,
    /// Its neighbour.
    B,
}

impl Tenant {
    /// The tenant's name.
    ///
    /// # Panics
    ///
    /// Never: the names are constants.
    #[must_use]
    pub fn id(self) -> TenantId {
        TenantId::new(match self {
            Self::A => "a",
            Self::B => "b",
        })
        .unwrap()
    }
}

/// Stores in memory.
#[derive(Debug)]
pub struct Memory(MemoryStore);

impl Memory {
    /// An empty store.
    ///
    /// # Panics
    ///
    /// Never: the clock begins at a constant.
    pub async fn create() -> Self {
        Self(MemoryStore::numbered("2026-04-01T00:00:00Z".parse().unwrap()))
    }
}

impl Stores for Memory {
    type Store<'a> = MemoryStore;

    async fn open(&self, tenant: Tenant) -> MemoryStore {
        self.0.clone().with_tenant(tenant.id())
    }
}

/// Stores in a PostgreSQL database of the fact's own.
#[derive(Debug)]
pub struct Postgres {
    a: PgEventStore,
    b: PgEventStore,
    _database: TestDatabase,
}

impl Postgres {
    /// An empty database.
    ///
    /// # Panics
    ///
    /// When there is no server to make it on.
    pub async fn create() -> Self {
        let database = TestDatabase::create().await;
        let of = |tenant: Tenant| store(&database, tenant.id().as_str());
        Self { a: of(Tenant::A), b: of(Tenant::B), _database: database }
    }
}

impl Stores for Postgres {
    type Store<'a> = Session<'a>;

    async fn open(&self, tenant: Tenant) -> Session<'_> {
        let store = match tenant {
            Tenant::A => &self.a,
            Tenant::B => &self.b,
        };
        store.session().await.unwrap()
    }
}

/// Saves events that nothing is wrong with.
pub(crate) async fn save(store: &mut impl EventStore, events: &[FormSubmission]) -> Vec<Receipt> {
    store.save_events(events, &submitter()).await.unwrap()
}

/// Saves the individuals `first` to `first + count`.
pub(crate) async fn save_individuals(
    store: &mut impl EventStore,
    first: usize,
    count: usize,
) -> Vec<Receipt> {
    save(store, &individuals(first, count)).await
}

/// All events of a store that has no more than a page of them.
pub(crate) async fn all(store: &mut impl EventStore) -> Vec<StoredEvent> {
    store.events_from(Position(0), veritrail_core::store::MAX_PAGE).await.unwrap()
}

/// Calls a macro with the list of every fact, `module::fact` each.
#[macro_export]
macro_rules! every_fact {
    ($run:ident) => {
        $run! {
            saving::positions_are_gapless
            saving::stamps_strictly_increase
            saving::receipts_are_in_the_order_of_the_events
            saving::what_was_saved_is_read_back
            saving::a_stored_event_proves_itself
            saving::equal_data_have_unequal_hashes
            saving::a_repeat_is_answered_with_the_old_receipt
            saving::metadata_and_level_are_no_content
            saving::other_content_is_a_conflict_that_names_the_field
            saving::a_conflict_refuses_the_whole_batch
            saving::a_guid_that_stands_twice_is_one_event
            saving::a_guid_that_stands_twice_with_other_content_refuses_the_batch
            saving::an_empty_batch_begins_no_log
            saving::a_refused_batch_begins_no_log
            saving::too_many_events_are_refused
            saving::too_many_bytes_are_refused
            saving::a_value_built_in_rust_is_checked
            saving::tenants_share_nothing
            saving::a_log_keeps_its_identity
            saving::writers_at_the_same_time_lose_nothing
            saving::writers_of_one_event_record_it_once
            saving::guids_are_compared_byte_by_byte
            saving::the_largest_event_is_saved
            saving::a_devices_clock_may_say_anything
            reading::an_absent_event_is_none
            reading::a_recorded_event_is_known
            reading::an_empty_store_has_empty_pages
            reading::pages_follow_positions
            reading::a_page_behind_the_end_is_empty
            reading::the_length_of_a_page_is_checked
            reading::events_about_an_entity_are_its_own_in_order
            reading::events_about_an_entity_are_paged
            reading::another_tenants_events_are_not_read
            reading::another_handle_reads_what_was_saved
            tree::there_is_no_head_before_the_first_event
            tree::the_head_is_that_of_the_leaves
            tree::batches_do_not_shape_the_tree
            tree::the_root_at_every_size_is_that_of_the_first_leaves
            tree::a_root_beyond_the_log_is_refused
            tree::every_leaf_is_proved
            tree::a_proof_is_of_one_size_and_leaf
            tree::a_leaf_beyond_the_size_is_refused
            tree::every_size_continues_every_smaller_one
            tree::sizes_in_the_wrong_order_are_refused
            tree::every_page_is_proved
            tree::a_page_that_is_none_is_refused
            tree::an_older_root_stays
            tree::tenants_have_trees_of_their_own
            levels::raised_levels_are_counted
            levels::levels_never_go_down
            levels::events_are_read_with_the_level_that_they_have
            levels::events_of_a_level_are_paged
            levels::the_length_of_a_page_of_a_level_is_checked
            levels::too_many_levels_are_refused
            levels::levels_do_not_change_the_tree
            levels::tenants_have_levels_of_their_own
            entities::a_saved_entity_is_read_back
            entities::an_absent_entity_is_none
            entities::numbers_come_back_in_their_one_form
            entities::an_entity_that_is_there_is_not_made_anew
            entities::an_entity_of_another_version_is_not_overwritten
            entities::an_entity_that_is_not_there_has_no_version
            entities::of_two_writers_one_wins
            entities::a_pair_that_is_none_is_refused
            entities::entities_are_paged_in_the_order_of_bytes
            entities::clearing_takes_the_tenants_name
            entities::clearing_removes_entities_alone
            entities::tenants_have_entities_of_their_own
            snapshots::a_saved_snapshot_is_read_back
            snapshots::an_absent_snapshot_is_none
            snapshots::the_newest_snapshot_within_a_bound_is_read
            snapshots::a_snapshot_of_as_many_events_is_replaced
            snapshots::a_snapshot_that_is_none_is_refused
            snapshots::tenants_have_snapshots_of_their_own
            anchors::there_is_no_anchor_at_first
            anchors::an_anchor_is_kept_with_its_size
            anchors::an_older_root_is_found_with_its_size
            anchors::a_root_that_no_append_led_to_is_refused
            anchors::an_anchor_never_moves_back
            anchors::an_anchor_moves_forward
            anchors::an_empty_log_can_be_anchored
            anchors::another_tenants_root_is_no_anchor
            malformed::a_malformed_submission_is_refused_and_nothing_is_stored
        }
    };
}
