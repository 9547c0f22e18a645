//! The audit log: what is saved and read, under which lock, in which month, and that verify names every edit.
//!
//! Not here: the bytes (`vectors`), the plans of its statements (`plans`), the guards (`schema`).

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

#[path = "audit_log/months.rs"]
mod months;
#[path = "audit_log/sample.rs"]
mod sample;
#[path = "audit_log/save.rs"]
mod save;
#[path = "audit_log/verify.rs"]
mod verify;

use futures_util::TryStreamExt;
use veritrail_core::{AuditGuid, EntityGuid, Json};
use veritrail_store_pg::ReadError;
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{store, submitter};

use sample::{entries, entry, guids, save};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_saved_is_read() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let whole = sample::whole("a-0");
    let receipts = session.save_audit_log(std::slice::from_ref(&whole), &submitter()).await.unwrap();
    let stored = session.audit_entry(&AuditGuid::new("a-0").unwrap()).await.unwrap().unwrap();
    assert_eq!((stored.position.0, stored.leaf_hash), (0, receipts[0].leaf_hash));
    assert_eq!((stored.recorded_at, receipts[0].repeated), (receipts[0].recorded_at, false));
    assert_eq!(stored.entry.seal.hash, Some(stored.commitment));
    let mut entry = stored.entry.clone();
    entry.seal = whole.seal.clone();
    assert_eq!(entry, whole);
    // Numbers survive the jsonb of the details and the json of the changes.
    let text = stored.entry.to_json();
    assert_eq!(text.matches("130.65331632653061").count(), 2, "{text}");
    session.save_audit_log(&[self::entry("a-1")], &submitter()).await.unwrap();
    let plain = session.audit_entry(&AuditGuid::new("a-1").unwrap()).await.unwrap().unwrap();
    let of_tenant = plain.entry.organization_id.as_ref().map(veritrail_core::ShortText::as_str);
    assert_eq!(of_tenant, Some("a"));
    assert!(session.audit_entry(&AuditGuid::new("nobody").unwrap()).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_lead_through_the_whole_log() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    save(&mut session, &entries(0..25)).await;
    let (mut after, mut read) = (None, Vec::new());
    loop {
        let page = session.get_audit_log(after, 10).await.unwrap();
        read.extend(guids(&page));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let all: Vec<_> = (0..25).map(|n| format!("a-{n}")).collect();
    assert_eq!(read, all);
    let streamed: Vec<_> = session.stream_audit_log().try_collect().await.unwrap();
    assert_eq!(streamed.iter().map(|stored| stored.entry.guid.to_string()).collect::<Vec<_>>(), all);
    for limit in [0, u32::MAX] {
        let refused = session.get_audit_log(None, limit).await;
        assert!(matches!(refused, Err(ReadError::Limit(_))), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn newest_come_first_and_the_cut_is_exclusive() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let receipts = save(&mut session, &entries(0..25)).await;
    let since = Some(receipts[4].recorded_at);
    let first = session.get_audit_logs_since(since, None, 12).await.unwrap();
    let second = session.get_audit_logs_since(since, first.next, 12).await.unwrap();
    assert_eq!(second.next, None);
    let expected: Vec<_> = (5..25).rev().map(|n| format!("a-{n}")).collect();
    assert_eq!([guids(&first), guids(&second)].concat(), expected);
    let last = Some(receipts[24].recorded_at);
    assert_eq!(guids(&session.get_audit_logs_since(last, None, 12).await.unwrap()), [""; 0]);
    let all = session.get_audit_logs_since(None, None, 1_000).await.unwrap();
    assert_eq!((all.entries.len(), all.next), (25, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn trail_of_an_entity_is_its_own() {
    let database = TestDatabase::create().await;
    let (store, other) = (store(&database, "a"), store(&database, "b"));
    let mut session = store.session().await.unwrap();
    // Every third entry is about the same person.
    save(&mut session, &entries(0..30)).await;
    save(&mut other.session().await.unwrap(), &entries(0..30)).await;
    let person = EntityGuid::new("person-1").unwrap();
    let first = session.get_audit_trail_by_entity_guid(&person, None, 4).await.unwrap();
    assert_eq!(guids(&first), ["a-28", "a-25", "a-22", "a-19"]);
    let rest = session.get_audit_trail_by_entity_guid(&person, first.next, 100).await.unwrap();
    assert_eq!((guids(&rest).len(), rest.next), (6, None));
    assert_eq!(guids(&rest).last().map(String::as_str), Some("a-1"));
    let nobody = EntityGuid::new("nobody").unwrap();
    assert_eq!(session.get_audit_trail_by_entity_guid(&nobody, None, 10).await.unwrap().entries, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn canonical_text_of_details_comes_back_from_jsonb() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let details = r#"{"zz":[1e21,-1e-7,5e-324,1.7976931348623157e308,9007199254740992],"a":{"\u20ac":"\u0001\"","":null}}"#;
    let mut entry = entry("a-0");
    entry.details = Some(Json::parse(details).unwrap());
    save(&mut session, std::slice::from_ref(&entry)).await;
    let stored = session.audit_entry(&entry.guid).await.unwrap().unwrap();
    assert_eq!(stored.entry.details, entry.details);
}
