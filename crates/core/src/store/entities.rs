//! The port of the entities: states that a caller saves by hand, or reads.
//!
//! Not here: states that events add up to. `veritrail-applier` makes those, and a store that applies events writes them
//! together with the events; such an entity is changed by events alone.

use super::{ReadPageError, Store};
use crate::entity::{EntityPair, InvalidState};
use crate::ids::{EntityGuid, TenantId};

/// A tenant's entities.
///
/// For who makes entities of events by themselves: save the events ([`EventStore`](super::EventStore)), then the entities
/// that they make. What is saved by hand is derived state of the caller's own: no hash binds it, and replaying the events
/// does not bring it back.
pub trait EntityStore: Store {
    /// Saves an entity's last synced and present state, if the stored one has the version that the caller has read.
    ///
    /// `expected` is the version of the stored present state; `None` where there is none yet.
    ///
    /// # Errors
    /// [`SaveEntityError`]: nothing was saved.
    fn save_entity(
        &mut self,
        pair: &EntityPair,
        expected: Option<u32>,
    ) -> impl Future<Output = Result<(), SaveEntityError<Self::Error>>> + Send;

    /// An entity's last synced and present state; `None` where it does not exist or was deleted.
    ///
    /// # Errors
    /// The store's own.
    fn entity_pair(
        &mut self,
        guid: &EntityGuid,
    ) -> impl Future<Output = Result<Option<EntityPair>, Self::Error>> + Send;

    /// The entities after a guid (`None`: from the first), `limit` at most, in the order of the guids' bytes.
    ///
    /// # Errors
    /// [`ReadPageError`].
    fn entity_pairs(
        &mut self,
        after: Option<&EntityGuid>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<EntityPair>, ReadPageError<Self::Error>>> + Send;

    /// Removes every entity of the tenant, deleted ones too, and tells how many there were. Events and snapshots stay.
    ///
    /// # Errors
    /// [`ClearEntitiesError::Unconfirmed`] unless `confirm` is the tenant's name.
    fn clear_entities(
        &mut self,
        confirm: &TenantId,
    ) -> impl Future<Output = Result<u64, ClearEntitiesError<Self::Error>>> + Send;
}

/// Why an entity was not saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveEntityError<E> {
    /// The pair is none.
    #[error("entity `{guid}` is refused")]
    Invalid {
        /// The pair's guid.
        guid: EntityGuid,
        /// What is wrong with it.
        source: InvalidPair,
    },
    /// Someone else has written the entity since it was read: read it again.
    #[error("entity `{guid}` has {found}, not {expected}", found = shown(*found), expected = shown(*expected))]
    OtherVersion {
        /// The entity.
        guid: EntityGuid,
        /// The version that the caller has read.
        expected: Option<u32>,
        /// The stored one.
        found: Option<u32>,
    },
    /// Events have made the entity, and it must stay what they add up to: submit an event.
    #[error("entity `{0}` is made by events and changed by events alone")]
    Derived(EntityGuid),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] E),
}

/// What is wrong with an entity that is to be saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPair {
    /// The last synced state is none of this entity.
    #[error("its last synced state is refused")]
    Initial(#[source] InvalidState),
    /// The present state is none of this entity.
    #[error("its present state is refused")]
    Modified(#[source] InvalidState),
    /// The present state is not newer than the one that it replaces.
    #[error("its version {version} does not follow {expected}", expected = shown(*expected))]
    NotNewer {
        /// The present state's version.
        version: u32,
        /// The version that it replaces.
        expected: Option<u32>,
    },
    /// The last synced state is newer than the present one.
    #[error("its last synced state has version {initial}, the present one {modified}")]
    InitialAhead {
        /// The last synced state's version.
        initial: u32,
        /// The present state's version.
        modified: u32,
    },
}

impl InvalidPair {
    /// Checks what holds for every entity that replaces one of version `expected`.
    ///
    /// # Errors
    /// [`InvalidPair`].
    pub fn check(pair: &EntityPair, expected: Option<u32>) -> Result<(), Self> {
        let (initial, modified) = (&pair.initial, &pair.modified);
        initial.check_state(&pair.guid).map_err(Self::Initial)?;
        modified.check_state(&pair.guid).map_err(Self::Modified)?;
        if modified.version <= expected.unwrap_or(0) {
            return Err(Self::NotNewer { version: modified.version, expected });
        }
        if initial.version > modified.version {
            return Err(Self::InitialAhead { initial: initial.version, modified: modified.version });
        }
        Ok(())
    }
}

fn shown(version: Option<u32>) -> String {
    version.map_or_else(|| "no version".to_owned(), |version| format!("version {version}"))
}

/// Why no entity was removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClearEntitiesError<E> {
    /// The confirmation is not the tenant's name.
    #[error("to remove every entity of tenant `{tenant}`, confirm with its name, not with `{given}`")]
    Unconfirmed {
        /// The tenant.
        tenant: TenantId,
        /// What was given.
        given: TenantId,
    },
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] E),
}

impl<E> ClearEntitiesError<E> {
    /// Checks a confirmation.
    ///
    /// # Errors
    /// [`ClearEntitiesError::Unconfirmed`].
    pub fn check(tenant: &TenantId, confirm: &TenantId) -> Result<(), Self> {
        if tenant == confirm {
            return Ok(());
        }
        Err(Self::Unconfirmed { tenant: tenant.clone(), given: confirm.clone() })
    }
}
