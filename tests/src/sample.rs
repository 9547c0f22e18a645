//! Sample events, stores and keys for tests.
//!
//! Not here: the demo's input, which is made to be looked at (`xtask`).

use std::path::Path;
use std::sync::Arc;

use veritrail_core::{EntityGuid, EventGuid, FormSubmission, Receipt, Subject, TenantId};
use veritrail_store_pg::{Applying, FileSigner, Outcome, PgEventStore, Session, Submitted};

use crate::database::TestDatabase;

/// The time of sample events that do not say another one.
pub const NOON: &str = "2026-03-01T12:00:00.000Z";

/// The store of a tenant in a test's database, as an application uses it: row-level security holds.
///
/// # Panics
///
/// When the tenant's name is none.
#[must_use]
pub fn store(database: &TestDatabase, tenant: &str) -> PgEventStore {
    let tenant = TenantId::new(tenant).expect("a tenant's name");
    PgEventStore::from_url(&database.application_url()).expect("a pool").with_tenant(tenant)
}

/// An event at noon; `data` is JSON.
///
/// # Panics
///
/// When the parts make no event.
#[must_use]
pub fn event(guid: &str, event_type: &str, entity: &str, data: &str) -> FormSubmission {
    event_at(guid, event_type, entity, data, NOON)
}

/// An event at a time.
///
/// # Panics
///
/// When the parts make no event.
#[must_use]
pub fn event_at(guid: &str, event_type: &str, entity: &str, data: &str, timestamp: &str) -> FormSubmission {
    let text = format!(
        r#"{{"guid":"{guid}","entityGuid":"{entity}","type":"{event_type}","data":{data},"timestamp":"{timestamp}","userId":"ana"}}"#
    );
    FormSubmission::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// `count` individuals with the guids `p<n>`, made by the events `e<n>`, from `first` on.
#[must_use]
pub fn individuals(first: usize, count: usize) -> Vec<FormSubmission> {
    let one =
        |n| event(&format!("e{n}"), "create-individual", &format!("p{n}"), &format!(r#"{{"number":{n}}}"#));
    (first..first + count).map(one).collect()
}

/// Who submits in tests.
///
/// # Panics
///
/// Never: the name is a constant.
#[must_use]
pub fn submitter() -> Subject {
    Subject::new("tests").expect("a constant name")
}

/// Submits through the whole path.
///
/// # Panics
///
/// When the batch is refused as a whole.
pub async fn submit(session: &mut Session<'_>, events: &[FormSubmission]) -> Submitted {
    session.submit(events, &submitter(), Applying::Apply).await.expect("the batch is stored")
}

/// The receipts of a submit of which nothing is rejected.
///
/// # Panics
///
/// When something is.
#[must_use]
pub fn receipts(submitted: &Submitted) -> Vec<&Receipt> {
    submitted
        .outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Recorded(receipt) => receipt,
            Outcome::Rejected(rejection) => panic!("rejected: {rejection}"),
        })
        .collect()
}

/// A fresh signing key in a folder.
///
/// # Panics
///
/// When it cannot be made.
#[must_use]
pub fn signer(folder: &Path) -> Arc<FileSigner> {
    let path = folder.join("key");
    FileSigner::create(&path, "example.org/tests").expect("a new key");
    Arc::new(FileSigner::open(&path).expect("the key"))
}

/// An event's guid.
///
/// # Panics
///
/// When the text is none.
#[must_use]
pub fn event_guid(text: &str) -> EventGuid {
    EventGuid::new(text).expect("a guid")
}

/// An entity's guid.
///
/// # Panics
///
/// When the text is none.
#[must_use]
pub fn entity_guid(text: &str) -> EntityGuid {
    EntityGuid::new(text).expect("a guid")
}
