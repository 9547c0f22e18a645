//! The ports of the store beside what is PostgreSQL's alone: applied events, replicas, transactions of the caller's. What
//! holds on every store is in the conformance list.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use diesel_async::AsyncConnection;
use serde_json::json;
use veritrail_core::store::{EntityStore, EventStore, SaveEntityError, SaveEventsError, TreeStore};
use veritrail_core::{EntityPair, Position, TenantId};
use veritrail_store_pg::diesel_async::{self, AsyncPgConnection};
use veritrail_store_pg::{PortError, SubmitError};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{entity_guid, event, individuals, receipts, store, submit, submitter};

/// A group that was saved by hand.
fn group(version: u32, members: &[&str]) -> EntityPair {
    let state = json!({"id": "g", "guid": "g", "type": "group", "version": version, "data": {"by": "hand"},
        "lastUpdated": "2026-03-01T12:00:00.000Z", "memberIds": members});
    serde_json::from_value(json!({"guid": "g", "initial": state, "modified": state})).unwrap()
}

async fn texts(database: &TestDatabase, sql: &str) -> Vec<String> {
    let rows = database.connect().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_events_have_made_is_not_saved_by_hand() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    submit(&mut session, &[event("e-1", "create-group", "g", r#"{"name":"G"}"#)]).await;
    let made = session.entity_pair(&entity_guid("g")).await.unwrap().unwrap();
    for expected in [None, Some(1)] {
        let error = session.save_entity(&group(9, &[]), expected).await.unwrap_err();
        assert!(matches!(&error, SaveEntityError::Derived(guid) if guid.as_str() == "g"), "{error}");
    }
    assert_eq!(session.entity_pair(&entity_guid("g")).await.unwrap(), Some(made));
    // Also where the events have deleted it.
    submit(&mut session, &[event("e-2", "delete-entity", "g", "{}")]).await;
    assert_eq!(session.entity_pair(&entity_guid("g")).await.unwrap(), None);
    assert_eq!(session.entity_pairs(None, 10).await.unwrap(), []);
    let error = session.save_entity(&group(9, &[]), None).await.unwrap_err();
    assert!(matches!(error, SaveEntityError::Derived(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn saved_events_are_not_applied() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let batch = [event("e-1", "create-individual", "p", "{}"), event("e-2", "no-such-type", "q", "{}")];
    assert_eq!(session.save_events(&batch, &submitter()).await.unwrap().len(), 2);
    assert_eq!(session.entity_pairs(None, 10).await.unwrap(), []);
    let report = session.verify(&[]).await.unwrap().unwrap();
    assert_eq!((report.size, report.findings), (2, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn memberships_of_a_saved_group_are_its_member_ids() {
    const MEMBERS: &str =
        "SELECT member_guid || ' of ' || group_guid FROM veritrail.entity_members ORDER BY 1";
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    session.save_entity(&group(1, &["p", "q"]), None).await.unwrap();
    assert_eq!(texts(&database, MEMBERS).await, ["p of g", "q of g"]);
    session.save_entity(&group(2, &["q", "r"]), Some(1)).await.unwrap();
    assert_eq!(texts(&database, MEMBERS).await, ["q of g", "r of g"]);
    // A save that is refused changes none of them.
    session.save_entity(&group(3, &["x"]), Some(1)).await.unwrap_err();
    session.save_entity(&group(3, &["x"]), None).await.unwrap_err();
    assert_eq!(texts(&database, MEMBERS).await, ["q of g", "r of g"]);
    session.clear_entities(&TenantId::new("a").unwrap()).await.unwrap();
    assert_eq!(texts(&database, MEMBERS).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_go_on_from_an_entity_that_was_saved_by_hand() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    session.save_entity(&group(4, &[]), None).await.unwrap();
    let update = event("e-1", "update-group", "g", r#"{"name":"G"}"#);
    let submitted = submit(&mut session, &[update]).await;
    assert_eq!(receipts(&submitted)[0].position, Position(0));
    let pair = session.entity_pair(&entity_guid("g")).await.unwrap().unwrap();
    assert_eq!((pair.modified.version, &pair.modified.data["by"]), (5, &json!("hand")));
    // From now on it is the events'.
    let error = session.save_entity(&group(9, &[]), Some(5)).await.unwrap_err();
    assert!(matches!(error, SaveEntityError::Derived(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_rolls_back_takes_the_ports_with_it() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut connection = AsyncPgConnection::establish(database.url()).await.unwrap();
    let result: anyhow::Result<()> = connection
        .transaction(async |connection| {
            let mut session = store.within(connection);
            session.save_events(&individuals(0, 5), &submitter()).await?;
            session.save_entity(&group(1, &["p"]), None).await?;
            // A refused batch leaves the caller's transaction as it was.
            let conflict = [event("e0", "create-individual", "other", "{}")];
            let error = session.save_events(&conflict, &submitter()).await.unwrap_err();
            assert!(matches!(error, SaveEventsError::Conflict { .. }), "{error}");
            assert_eq!(session.events_from(Position(0), 10).await?.len(), 5);
            Err(anyhow::anyhow!("the caller changes its mind"))
        })
        .await;
    assert_eq!(result.unwrap_err().to_string(), "the caller changes its mind");
    let mut session = store.session().await.unwrap();
    assert_eq!(TreeStore::tree_head(&mut session).await.unwrap(), None);
    assert_eq!(session.entity_pairs(None, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_takes_no_events() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let client = database.connect().await;
    let replica = "INSERT INTO veritrail.logs (tenant_id, log, replica) VALUES ('a', 'events', true)";
    client.batch_execute(replica).await.unwrap();
    let mut session = store.session().await.unwrap();
    let error = session.save_events(&individuals(0, 1), &submitter()).await.unwrap_err();
    assert!(matches!(error, SaveEventsError::Store(PortError::Replica)), "{error}");
    let error = session.submit(&individuals(0, 1), &submitter(), veritrail_store_pg::Applying::Apply).await;
    assert!(matches!(error, Err(SubmitError::Append(_))));
}
