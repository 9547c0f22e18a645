//! What becomes of submitted events: positions, repeats, conflicts, rejections, and writers at the same time.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use veritrail_core::{EntityGuid, FormSubmission, Position};
use veritrail_store_pg::diesel_async::{self, AsyncPgConnection};
use veritrail_store_pg::{Applying, Outcome, Rejection, SubmitError};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::{
    entity_guid, event, event_at, event_guid, individuals, receipts, store, submit, submitter,
};

fn rejection(outcome: &Outcome) -> &Rejection {
    match outcome {
        Outcome::Rejected(rejection) => rejection,
        Outcome::Recorded(receipt) => panic!("recorded: {receipt:?}"),
    }
}

async fn count(database: &TestDatabase, what: &str) -> i64 {
    let client = database.connect().await;
    client.query_one(&format!("SELECT count(*) FROM {what}"), &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_are_gapless_and_stamps_increase() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let mut last = None;
    for batch in [1, 3, 250, 2, 600] {
        let first =
            usize::try_from(session.tree_head().await.unwrap().map_or(0, |head| head.size().0)).unwrap();
        let submitted = submit(&mut session, &individuals(first, batch)).await;
        for (receipt, expected) in receipts(&submitted).into_iter().zip(first..) {
            assert_eq!(receipt.position, Position(u64::try_from(expected).unwrap()));
            assert!(last < Some(receipt.recorded_at));
            last = Some(receipt.recorded_at);
        }
    }
    let report = session.verify(&[]).await.unwrap().unwrap();
    assert_eq!((report.size, report.findings), (856, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_answered_with_the_old_receipt_and_not_applied_again() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let made = event("e-1", "create-individual", "p", r#"{"age":1}"#);
    let grown = event("e-2", "update-individual", "p", r#"{"age":2}"#);
    let first = submit(&mut session, &[made.clone(), grown.clone()]).await;
    // The same events again, once with other metadata and sync level, which are no content.
    let text = grown.to_json().replace(r#""syncLevel":0"#, r#""syncLevel":1,"metadata":{"try":2}"#);
    let again = submit(&mut session, &[made, FormSubmission::parse(&text).unwrap()]).await;
    for (old, new) in receipts(&first).into_iter().zip(receipts(&again)) {
        assert!(new.repeated && !old.repeated);
        assert_eq!(
            (&new.guid, new.position, new.recorded_at, new.leaf_hash),
            (&old.guid, old.position, old.recorded_at, old.leaf_hash)
        );
    }
    assert_eq!(again.head, None, "nothing new was stored");
    assert_eq!(session.entity(&entity_guid("p")).await.unwrap().unwrap().version, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guid_with_other_content_is_a_conflict_that_names_the_field() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let original = event("e-1", "create-individual", "p", r#"{"age":1}"#);
    submit(&mut session, std::slice::from_ref(&original)).await;
    let json = original.to_json();
    let cases = [
        ("data", json.replace(r#"{"age":1}"#, r#"{"age":2}"#)),
        ("entityGuid", json.replace(r#""p""#, r#""q""#)),
        ("type", json.replace("create-individual", "create-group")),
        ("userId", json.replace("ana", "bob")),
        ("timestamp", json.replace("12:00", "12:01")),
        ("schemaVersion", json.replace(r#""syncLevel""#, r#""schemaVersion":2,"syncLevel""#)),
    ];
    for (field, text) in cases {
        let other = FormSubmission::parse(&text).unwrap();
        let submitted = submit(&mut session, &[other]).await;
        let expected = Rejection::Conflict { guid: event_guid("e-1"), field };
        assert_eq!(rejection(&submitted.outcomes[0]), &expected);
    }
    assert_eq!(count(&database, "veritrail.events").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guid_that_stands_twice_in_a_batch_is_one_event() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let one = event("e-1", "create-individual", "p", r#"{"age":1}"#);
    let other = event("e-1", "create-individual", "p", r#"{"age":9}"#);
    for applying in [Applying::Apply, Applying::AppendOnly] {
        let batch = [one.clone(), one.clone(), other.clone()];
        let submitted = session.submit(&batch, &submitter(), applying).await.unwrap();
        let Outcome::Recorded(first) = &submitted.outcomes[0] else { panic!("recorded") };
        let Outcome::Recorded(second) = &submitted.outcomes[1] else { panic!("recorded") };
        assert!(second.repeated);
        assert_eq!(first.position, second.position);
        assert_eq!(rejection(&submitted.outcomes[2]).code(), "CONFLICT");
    }
    assert_eq!(count(&database, "veritrail.events").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_event_leaves_no_trace_and_the_others_are_stored() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let batch = [
        event("e-1", "create-group", "g", r#"{"members":[{"guid":"m","name":"Mo"}]}"#),
        event("e-2", "update-individual", "nobody", r#"{"age":2}"#),
        event("e-3", "no-such-type", "g", "{}"),
        event("e-4", "remove-member", "g", r#"{"memberId":"stranger"}"#),
        event("e-5", "update-individual", "m", r#"{"age":7}"#),
    ];
    let submitted = submit(&mut session, &batch).await;
    let codes: Vec<&str> = submitted.outcomes[1..4].iter().map(|outcome| rejection(outcome).code()).collect();
    assert_eq!(codes, ["ENTITY_NOT_FOUND", "UNKNOWN_EVENT_TYPE", "INVALID_MEMBER_DATA"]);
    let Outcome::Recorded(last) = &submitted.outcomes[4] else { panic!("recorded") };
    assert_eq!(last.position, Position(1));
    assert_eq!(count(&database, "veritrail.events").await, 2);
    assert_eq!(count(&database, "veritrail.entities").await, 2);
    assert_eq!(count(&database, "veritrail.entity_members").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_guid_in_two_tenants_is_two_events() {
    let database = TestDatabase::create().await;
    for (tenant, age) in [("a", 1), ("b", 2)] {
        let store = store(&database, tenant);
        let mut session = store.session().await.unwrap();
        let data = format!(r#"{{"age":{age}}}"#);
        let submitted = submit(&mut session, &[event("e-1", "create-individual", "p", &data)]).await;
        assert_eq!(receipts(&submitted)[0].position, Position(0));
        let entity = session.entity(&entity_guid("p")).await.unwrap().unwrap();
        assert_eq!(entity.data["age"], age);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn four_first_appends_of_a_tenant_at_once_all_succeed() {
    let database = TestDatabase::create().await;
    let store = store(&database, "new");
    let writers = (0..4).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut session = store.session().await.unwrap();
            for round in 0..10 {
                submit(&mut session, &individuals(writer * 1_000 + round * 10, 10)).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let mut session = store.session().await.unwrap();
    let report = session.verify(&[]).await.unwrap().unwrap();
    assert_eq!((report.size, report.findings), (400, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_on_one_entity_lose_no_update() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    submit(&mut session, &[event("made", "create-individual", "p", "{}")]).await;
    let writers = (0..4).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut session = store.session().await.unwrap();
            for round in 0..15 {
                let data = format!(r#"{{"w{writer}r{round}":1}}"#);
                let update = event(&format!("{writer}-{round}"), "update-individual", "p", &data);
                assert_eq!(receipts(&submit(&mut session, &[update]).await).len(), 1);
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let entity = session.entity(&entity_guid("p")).await.unwrap().unwrap();
    assert_eq!((entity.version, entity.data.len()), (61, 60));
}

/// Live state must be what replay gives, also where a deletion and a new membership meet.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_cannot_join_past_a_concurrent_deletion() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    for round in 0..12 {
        let (person, group) = (format!("p{round}"), format!("g{round}"));
        let made = [
            event(&format!("a{round}"), "create-individual", &person, "{}"),
            event(&format!("b{round}"), "create-group", &group, "{}"),
        ];
        submit(&mut session, &made).await;
        let join = event(
            &format!("c{round}"),
            "add-member",
            &group,
            &format!(r#"{{"members":[{{"guid":"{person}"}}]}}"#),
        );
        let delete = event(&format!("d{round}"), "delete-entity", &person, "{}");
        let write = |event: FormSubmission| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut session = store.session().await.unwrap();
                submit(&mut session, &[event]).await
            })
        };
        let (join, delete) = (write(join), write(delete));
        join.await.unwrap();
        delete.await.unwrap();
        let live = session.entity(&entity_guid(&group)).await.unwrap().unwrap();
        let far: veritrail_core::Timestamp = "2099-01-01T00:00:00Z".parse().unwrap();
        let past =
            session.entity_at(&entity_guid(&group), veritrail_store_pg::Moment::Recorded(far)).await.unwrap();
        assert_eq!((past.state.as_ref(), past.left_out), (Some(&live), 0));
        assert!(
            !live.has_member(&EntityGuid::new(person.as_str()).unwrap()),
            "the deletion is the last word"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_rolls_back_leaves_nothing_not_even_a_hole() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut connection = AsyncPgConnection::establish(database.url()).await.unwrap();
    let result: anyhow::Result<()> = connection
        .transaction(async |connection| {
            let mut session = store.within(connection);
            let submitted = submit(&mut session, &individuals(0, 5)).await;
            assert_eq!(receipts(&submitted)[4].position, Position(4));
            Err(anyhow::anyhow!("the caller changes its mind"))
        })
        .await;
    assert!(result.is_err());
    assert_eq!(count(&database, "veritrail.events").await, 0);
    assert_eq!(count(&database, "veritrail.tree_heads").await, 0);
    let mut session = store.session().await.unwrap();
    let submitted = submit(&mut session, &individuals(0, 1)).await;
    assert_eq!(receipts(&submitted)[0].position, Position(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_transaction_commits_events_with_its_own_rows() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut connection = AsyncPgConnection::establish(database.url()).await.unwrap();
    connection.batch_execute("CREATE TABLE own (n integer)").await.unwrap();
    connection
        .transaction::<(), anyhow::Error, _>(async |connection| {
            connection.batch_execute("INSERT INTO own VALUES (1)").await?;
            submit(&mut store.within(connection), &individuals(0, 2)).await;
            submit(&mut store.within(connection), &individuals(2, 1)).await;
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(count(&database, "own").await, 1);
    assert_eq!(count(&database, "veritrail.events").await, 3);
}

/// A timeout around a submit that waits for the log's lock.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_submit_breaks_the_callers_transaction_and_wedges_nothing() {
    use std::time::Duration;

    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    submit(&mut store.session().await.unwrap(), &individuals(0, 1)).await;
    let client = database.connect().await;
    client
        .batch_execute("CREATE TABLE own (n integer); BEGIN; SELECT * FROM veritrail.logs FOR UPDATE")
        .await
        .unwrap();

    let mut connection = AsyncPgConnection::establish(database.url()).await.unwrap();
    let committed: anyhow::Result<()> = connection
        .transaction(async |connection| {
            connection.batch_execute("INSERT INTO own VALUES (1)").await?;
            let mut session = store.within(connection);
            let events = individuals(1, 1);
            let by = submitter();
            let waiting = session.submit(&events, &by, Applying::Apply);
            assert!(tokio::time::timeout(Duration::from_millis(200), waiting).await.is_err());
            Ok(())
        })
        .await;
    assert!(committed.is_err(), "the caller is told that its transaction is lost");
    drop(connection);

    let mut session = store.session().await.unwrap();
    let (events, by) = (individuals(2, 1), submitter());
    let waiting = session.submit(&events, &by, Applying::Apply);
    assert!(tokio::time::timeout(Duration::from_millis(200), waiting).await.is_err());
    drop(session);
    client.batch_execute("COMMIT").await.unwrap();

    for n in 3..20 {
        submit(&mut store.session().await.unwrap(), &individuals(n, 1)).await;
    }
    let report = store.session().await.unwrap().verify(&[]).await.unwrap().unwrap();
    assert_eq!((report.size, report.findings), (18, Vec::new()));
    assert_eq!(count(&database, "own").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_databases_default_isolation_does_not_matter() {
    for isolation in ["repeatable read", "serializable"] {
        let database = TestDatabase::create().await;
        let sql =
            format!("ALTER DATABASE {} SET default_transaction_isolation = '{isolation}'", database.name());
        database.connect().await.batch_execute(&sql).await.unwrap();
        let store = store(&database, "a");
        let writers = (0..6).map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut session = store.session().await.unwrap();
                for round in 0..5 {
                    submit(&mut session, &individuals(writer * 100 + round, 1)).await;
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        let report = store.session().await.unwrap().verify(&[]).await.unwrap().unwrap();
        assert_eq!((report.size, report.findings), (30, Vec::new()), "{isolation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_heavy_is_refused_whole() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let heavy = format!(r#"{{"text":"{}"}}"#, "x".repeat(1_000_000));
    let batch: Vec<_> =
        (0..68).map(|n| event(&format!("e{n}"), "create-individual", &format!("p{n}"), &heavy)).collect();
    let refused = session.submit(&batch, &submitter(), Applying::Apply).await;
    assert!(matches!(refused, Err(SubmitError::BatchTooHeavy(_))), "{refused:?}");
    let submitted = submit(&mut session, &batch[..60]).await;
    assert_eq!(receipts(&submitted).len(), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_beyond_the_limit_is_refused_whole() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let refused = session.submit(&individuals(0, 10_001), &submitter(), Applying::Apply).await;
    assert!(matches!(refused, Err(SubmitError::BatchTooLarge(10_001))), "{refused:?}");
    assert_eq!(count(&database, "veritrail.events").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_households_earlier_state_is_told_on_both_axes() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    let mut session = store.session().await.unwrap();
    let batch = [
        event_at(
            "1",
            "create-group",
            "h",
            r#"{"name":"H","members":[{"guid":"m1"},{"guid":"m2"}]}"#,
            "2026-01-01T00:00:00Z",
        ),
        event_at("2", "update-group", "h", r#"{"income":10}"#, "2026-03-01T00:00:00Z"),
        event_at("3", "delete-entity", "m2", "{}", "2026-04-01T00:00:00Z"),
        // Late: it happened before the second event and was recorded after the third.
        event_at("4", "update-group", "h", r#"{"roof":"tin"}"#, "2026-02-01T00:00:00Z"),
    ];
    let mut stamps = Vec::new();
    for event in batch {
        let submitted = submit(&mut session, &[event]).await;
        stamps.push(receipts(&submitted)[0].recorded_at);
    }
    let house = entity_guid("h");
    let at = |text: &str| veritrail_store_pg::Moment::Happened(text.parse().unwrap());
    let state = session.entity_at(&house, at("2025-12-31T00:00:00Z")).await.unwrap().state;
    assert_eq!(state, None);
    let state = session.entity_at(&house, at("2026-02-15T00:00:00Z")).await.unwrap().state.unwrap();
    assert_eq!(serde_json::to_string(&state.data).unwrap(), r#"{"name":"H","roof":"tin"}"#);
    assert_eq!(state.member_ids.unwrap().len(), 2);
    let recorded = veritrail_store_pg::Moment::Recorded(stamps[2]);
    let state = session.entity_at(&house, recorded).await.unwrap().state.unwrap();
    assert_eq!(serde_json::to_string(&state.data).unwrap(), r#"{"income":10,"name":"H"}"#);
    assert_eq!(state.member_ids.unwrap().len(), 1);
    let timeline = session.timeline(&house).await.unwrap();
    let guids: Vec<&str> = timeline.iter().map(|stored| stored.event.guid.as_str()).collect();
    assert_eq!(guids, ["1", "2", "3", "4"], "the deletion of a member touches its household");
}
