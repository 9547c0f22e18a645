//! Facts about saving events.

#![expect(clippy::unwrap_used, reason = "a fact ends at the first thing that is not as it must be")]

use std::collections::BTreeSet;

use futures_util::future::join_all;
use veritrail_core::store::{EventStore, MAX_BATCH, MAX_BATCH_BYTES, SaveEventsError, TreeStore};
use veritrail_core::{
    Epoch, FormSubmission, Json, LogIdentity, MAX_DATA_BYTES, MAX_METADATA_BYTES, Position,
};
use veritrail_merkle::Sha256Hasher;

use super::{Stores, Tenant, all, save, save_individuals};
use crate::sample::{event, event_at, event_guid, individuals, submitter};

/// Positions count from 0 and have no gaps, within batches and between them.
pub async fn positions_are_gapless<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let mut next = 0;
    for count in [1, 3, 250, 2, 600] {
        let first = usize::try_from(next).unwrap();
        for receipt in save_individuals(&mut store, first, count).await {
            assert_eq!(receipt.position, Position(next));
            next += 1;
        }
    }
    let positions: Vec<u64> = all(&mut store).await.iter().map(|stored| stored.position.0).collect();
    assert_eq!(positions, (0..856).collect::<Vec<u64>>());
}

/// No two events have one stamp, and a later event has a later one.
pub async fn stamps_strictly_increase<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let mut last = None;
    for (first, count) in [(0, 50), (50, 1), (51, 100)] {
        for receipt in save_individuals(&mut store, first, count).await {
            assert!(last < Some(receipt.recorded_at), "{last:?} {receipt:?}");
            last = Some(receipt.recorded_at);
        }
    }
}

/// The first receipt is the first event's, and so on.
pub async fn receipts_are_in_the_order_of_the_events<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let events = ["z", "a", "m", "b"].map(|guid| event(guid, "create-individual", "p", "{}"));
    let receipts = save(&mut store, &events).await;
    let guids: Vec<&str> = receipts.iter().map(|receipt| receipt.guid.as_str()).collect();
    assert_eq!(guids, ["z", "a", "m", "b"]);
    assert!(receipts.iter().all(|receipt| !receipt.repeated));
    let stored = all(&mut store).await;
    assert!(stored.iter().zip(&events).all(|(stored, event)| stored.event == *event));
}

/// Event, submitter and receipt come back as they were.
pub async fn what_was_saved_is_read_back<S: Stores>(stores: &S) {
    const RICH: &str = r#"{"guid":"e-1","entityGuid":"päivä/1","type":"own-type","userId":"Zoë","syncLevel":1,
        "timestamp":"2026-03-01T09:30:00.123456+02:00","schemaVersion":3,"migratedFrom":2,
        "context":{"reason":"intake"},"metadata":{"device":"tablet \"7\""},"note":"unknown\u000amember",
        "data":{"name":"Мария","n":130.65331632653061,"big":9007199254740992,"e":1e-7,"list":[{},[],null,true,""],
        "emoji":"😀","control":"\u0001\u001f\u007f"}}"#;
    let mut store = stores.open(Tenant::A).await;
    let rich = FormSubmission::parse(RICH).unwrap();
    let plain = event("e-2", "create-individual", "p", "{}");
    let receipts = save(&mut store, &[rich.clone(), plain.clone()]).await;
    for (receipt, event) in receipts.iter().zip([rich, plain]) {
        let stored = store.event(&event.guid).await.unwrap().unwrap();
        assert_eq!(stored.receipt(), *receipt);
        assert_eq!(stored.submitted_by, submitter());
        assert_eq!(stored.event.to_json(), event.to_json());
        assert_eq!(stored.event, event);
    }
}

/// What is stored of an event is enough to recompute its leaf.
pub async fn a_stored_event_proves_itself<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 20).await;
    let log_id = store.identity().await.unwrap().unwrap().log_id;
    for mut stored in all(&mut store).await {
        assert_eq!(stored.verify(&Sha256Hasher, log_id), Ok(()));
        stored.event.data = Json::parse(r#"{"number":-1}"#).unwrap();
        assert!(stored.verify(&Sha256Hasher, log_id).is_err(), "other data have another hash");
    }
}

/// Each event has salts of its own, so that equal data cannot be told from their hashes.
pub async fn equal_data_have_unequal_hashes<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let events = ["e-1", "e-2", "e-3"].map(|guid| event(guid, "create-individual", "p", r#"{"secret":1}"#));
    save(&mut store, &events).await;
    let stored = all(&mut store).await;
    let hashes: BTreeSet<String> = stored.iter().map(|stored| stored.parts.data_hash.to_string()).collect();
    let salts: BTreeSet<[u8; 48]> = stored.iter().map(|stored| stored.salts.to_bytes()).collect();
    assert_eq!((hashes.len(), salts.len()), (3, 3));
    assert!(stored.iter().all(|stored| stored.salts.data != stored.salts.envelope));
}

/// An event that is saved again is the one that is there.
pub async fn a_repeat_is_answered_with_the_old_receipt<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let first = save_individuals(&mut store, 0, 5).await;
    let head = store.tree_head().await.unwrap();
    // Old and new in one batch: the new one follows the last.
    let mixed = save_individuals(&mut store, 3, 3).await;
    let answers: Vec<(u64, bool)> =
        mixed.iter().map(|receipt| (receipt.position.0, receipt.repeated)).collect();
    assert_eq!(answers, [(3, true), (4, true), (5, false)]);
    let again = save_individuals(&mut store, 0, 5).await;
    for (old, new) in first.iter().zip(&again) {
        assert!(new.repeated && !old.repeated);
        assert_eq!(
            (&new.guid, new.position, new.recorded_at, new.leaf_hash),
            (&old.guid, old.position, old.recorded_at, old.leaf_hash)
        );
    }
    assert_ne!(store.tree_head().await.unwrap(), head);
    assert_eq!(all(&mut store).await.len(), 6);
}

/// Devices add metadata and levels between two attempts: what was stored first stays.
pub async fn metadata_and_level_are_no_content<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let original = event("e-1", "create-individual", "p", r#"{"age":1}"#);
    save(&mut store, std::slice::from_ref(&original)).await;
    let text = original.to_json().replace(r#""syncLevel":0"#, r#""syncLevel":2,"metadata":{"try":2}"#);
    let again = save(&mut store, &[FormSubmission::parse(&text).unwrap()]).await;
    assert!(again[0].repeated);
    assert_eq!(store.event(&original.guid).await.unwrap().unwrap().event, original);
}

/// Another event under a guid that is recorded is refused, for what differs first.
pub async fn other_content_is_a_conflict_that_names_the_field<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let original = event("e-1", "create-individual", "p", r#"{"age":1}"#);
    save(&mut store, std::slice::from_ref(&original)).await;
    let json = original.to_json();
    let cases = [
        ("data", json.replace(r#"{"age":1}"#, r#"{"age":2}"#)),
        ("entityGuid", json.replace(r#""p""#, r#""q""#)),
        ("type", json.replace("create-individual", "create-group")),
        ("userId", json.replace("ana", "bob")),
        ("timestamp", json.replace("12:00", "12:01")),
        ("schemaVersion", json.replace(r#""syncLevel""#, r#""schemaVersion":2,"syncLevel""#)),
        ("type", json.replace("create-individual", "create-group").replace("ana", "bob")),
    ];
    for (differing, text) in cases {
        let other = FormSubmission::parse(&text).unwrap();
        let error = store.save_events(&[other], &submitter()).await.unwrap_err();
        let SaveEventsError::Conflict { index, guid, field } = error else { panic!("{error}") };
        assert_eq!((index, guid.as_str(), field), (0, "e-1", differing));
    }
    assert_eq!(store.event(&original.guid).await.unwrap().unwrap().event, original);
    assert_eq!(all(&mut store).await.len(), 1);
}

/// All events of a batch are saved or none.
pub async fn a_conflict_refuses_the_whole_batch<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 1).await;
    let head = store.tree_head().await.unwrap();
    let mut batch = individuals(1, 4);
    batch.insert(2, event("e0", "create-individual", "p0", r#"{"number":9}"#));
    let error = store.save_events(&batch, &submitter()).await.unwrap_err();
    let SaveEventsError::Conflict { index, field, .. } = error else { panic!("{error}") };
    assert_eq!((index, field), (2, "data"));
    assert_eq!(store.tree_head().await.unwrap(), head);
    assert!(!store.event_exists(&event_guid("e1")).await.unwrap());
    // The next batch leaves no hole.
    assert_eq!(save_individuals(&mut store, 1, 1).await[0].position, Position(1));
}

/// A batch may hold an event twice.
pub async fn a_guid_that_stands_twice_is_one_event<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let mut batch = individuals(0, 2);
    batch.extend(individuals(0, 2));
    let receipts = save(&mut store, &batch).await;
    let answers: Vec<(u64, bool)> =
        receipts.iter().map(|receipt| (receipt.position.0, receipt.repeated)).collect();
    assert_eq!(answers, [(0, false), (1, false), (0, true), (1, true)]);
    assert_eq!(receipts[0].leaf_hash, receipts[2].leaf_hash);
    assert_eq!(all(&mut store).await.len(), 2);
}

/// A batch cannot hold two events under one guid.
pub async fn a_guid_that_stands_twice_with_other_content_refuses_the_batch<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let batch = [
        event("e-1", "create-individual", "p", r#"{"age":1}"#),
        event("e-2", "create-individual", "q", "{}"),
        event("e-1", "create-individual", "p", r#"{"age":9}"#),
    ];
    let error = store.save_events(&batch, &submitter()).await.unwrap_err();
    let SaveEventsError::Conflict { index, guid, field } = error else { panic!("{error}") };
    assert_eq!((index, guid.as_str(), field), (2, "e-1", "data"));
    assert_eq!(all(&mut store).await, []);
}

/// Nothing is nothing.
pub async fn an_empty_batch_begins_no_log<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    assert_eq!(save(&mut store, &[]).await, []);
    assert_eq!(store.identity().await.unwrap(), None);
    assert_eq!(store.tree_head().await.unwrap(), None);
}

/// A tenant whose first batch was refused has no log.
pub async fn a_refused_batch_begins_no_log<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let batch = [event("e-1", "a", "p", "{}"), event("e-1", "b", "p", "{}")];
    store.save_events(&batch, &submitter()).await.unwrap_err();
    assert_eq!(store.identity().await.unwrap(), None);
    assert_eq!(save_individuals(&mut store, 0, 1).await[0].position, Position(0));
}

/// One batch has a bounded number of events.
pub async fn too_many_events_are_refused<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let batch = vec![event("e-1", "create-individual", "p", "{}"); MAX_BATCH + 1];
    let error = store.save_events(&batch, &submitter()).await.unwrap_err();
    assert!(matches!(error, SaveEventsError::TooMany(count) if count == MAX_BATCH + 1), "{error}");
    assert_eq!(all(&mut store).await, []);
    // As many as are allowed are taken, here one event many times.
    assert_eq!(save(&mut store, &batch[1..]).await.len(), MAX_BATCH);
}

/// One batch has a bounded number of bytes.
pub async fn too_many_bytes_are_refused<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let mut heavy = event("e-1", "create-individual", "p", "{}");
    heavy.data = text_of_bytes(MAX_DATA_BYTES);
    let count = MAX_BATCH_BYTES / MAX_DATA_BYTES + 1;
    let error = store.save_events(&vec![heavy; count], &submitter()).await.unwrap_err();
    assert!(matches!(error, SaveEventsError::TooHeavy(bytes) if bytes == count * MAX_DATA_BYTES), "{error}");
    assert_eq!(all(&mut store).await, []);
}

/// What the types do not rule out is refused where it is saved, with the event's place in the batch.
pub async fn a_value_built_in_rust_is_checked<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let good = individuals(0, 1).remove(0);
    let with = |data: &str, metadata: Option<&str>| {
        let mut built = event("built", "create-individual", "p", "{}");
        built.data = Json::from_canonical_text(data);
        built.metadata = metadata.map(Json::from_canonical_text);
        built
    };
    let (large, large_metadata) = (text_of_bytes(MAX_DATA_BYTES + 1), text_of_bytes(MAX_METADATA_BYTES + 1));
    let cases = [
        (with("[]", None), "data"),
        (with("null", None), "data"),
        (with("7", None), "data"),
        (with("\"{}\"", None), "data"),
        (with(large.as_str(), None), "data"),
        (with("{}", Some("[]")), "metadata"),
        (with("{}", Some("null")), "metadata"),
        (with("{}", Some(large_metadata.as_str())), "metadata"),
    ];
    for (bad, field) in cases {
        let error = store.save_events(&[good.clone(), bad], &submitter()).await.unwrap_err();
        let SaveEventsError::Invalid { index, guid, source } = error else { panic!("{error}") };
        assert_eq!((index, guid.as_str(), source.field()), (1, "built", field));
    }
    assert_eq!(all(&mut store).await, []);
}

/// One tenant's guids, positions and log are not another's.
pub async fn tenants_share_nothing<S: Stores>(stores: &S) {
    let mut ids = BTreeSet::new();
    for (tenant, age) in [(Tenant::A, 1), (Tenant::B, 2)] {
        let mut store = stores.open(tenant).await;
        let one = event("e-1", "create-individual", "p", &format!(r#"{{"age":{age}}}"#));
        let receipt = save(&mut store, std::slice::from_ref(&one)).await.remove(0);
        assert_eq!((receipt.position, receipt.repeated), (Position(0), false));
        assert_eq!(store.event(&one.guid).await.unwrap().unwrap().event, one);
        ids.insert(store.identity().await.unwrap().unwrap().log_id);
    }
    assert_eq!(ids.len(), 2);
}

/// A log is the same from its first event on, in its first life.
pub async fn a_log_keeps_its_identity<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    save_individuals(&mut store, 0, 1).await;
    let LogIdentity { log_id, epoch } = store.identity().await.unwrap().unwrap();
    assert_eq!(epoch, Epoch(1));
    assert!(!log_id.is_nil());
    save_individuals(&mut store, 1, 300).await;
    assert_eq!(store.identity().await.unwrap(), Some(LogIdentity { log_id, epoch }));
}

/// Several writers share a log without loss, gap or disorder.
pub async fn writers_at_the_same_time_lose_nothing<S: Stores>(stores: &S) {
    let writers = (0..4).map(async |writer: usize| {
        let mut store = stores.open(Tenant::A).await;
        let mut receipts = Vec::new();
        for round in 0..8 {
            receipts.extend(save_individuals(&mut store, writer * 1_000 + round * 10, 10).await);
        }
        receipts
    });
    let mut receipts: Vec<_> = join_all(writers).await.into_iter().flatten().collect();
    receipts.sort_by_key(|receipt| receipt.position);
    let positions: Vec<u64> = receipts.iter().map(|receipt| receipt.position.0).collect();
    assert_eq!(positions, (0..320).collect::<Vec<u64>>());
    assert!(receipts.is_sorted_by(|earlier, later| earlier.recorded_at < later.recorded_at));
    let stored = all(&mut stores.open(Tenant::A).await).await;
    assert!(stored.iter().zip(&receipts).all(|(stored, receipt)| stored.receipt() == *receipt));
}

/// The same event from several writers at once is one event.
pub async fn writers_of_one_event_record_it_once<S: Stores>(stores: &S) {
    let writers = (0..4).map(async |_: usize| {
        let mut store = stores.open(Tenant::A).await;
        save_individuals(&mut store, 0, 3).await
    });
    let answers = join_all(writers).await;
    let new = answers.iter().filter(|receipts| receipts.iter().all(|receipt| !receipt.repeated));
    assert_eq!(new.count(), 1);
    let positions = |of: usize| answers.iter().map(move |receipts| receipts[of].position.0);
    assert!((0..3).all(|of| positions(of).all(|position| Some(position) == u64::try_from(of).ok())));
}

/// Texts that look or sort alike are not the same.
pub async fn guids_are_compared_byte_by_byte<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let guids = ["e-1", "E-1", "e-1 ", "é", "e\u{301}", "ß", "ss", "%", "_", "'", "\\", "a|b"];
    let data = |number: usize| format!(r#"{{"number":{number}}}"#);
    for (number, guid) in guids.iter().enumerate() {
        let mut one = event("x", "create-individual", "p", &data(number));
        one.guid = event_guid(guid);
        assert!(!save(&mut store, &[one]).await[0].repeated, "{guid}");
    }
    for (number, guid) in guids.iter().enumerate() {
        let stored = store.event(&event_guid(guid)).await.unwrap().unwrap();
        assert_eq!((stored.event.guid.as_str(), stored.event.data.as_str()), (*guid, data(number).as_str()));
    }
}

/// Everything may be as large as validation lets it.
pub async fn the_largest_event_is_saved<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    // Four bytes each for the first 85 characters and one for the rest: 255 characters in 510 bytes.
    let id = format!("{}{}", "😀".repeat(85), "x".repeat(170));
    let mut largest = event("x", "create-individual", "p", "{}");
    largest.guid = event_guid(&id);
    largest.entity_guid = id.parse().unwrap();
    largest.event_type = id.parse().unwrap();
    largest.user_id = id.parse().unwrap();
    largest.schema_version = Some(2_147_483_647);
    largest.data = text_of_bytes(MAX_DATA_BYTES);
    largest.metadata = Some(text_of_bytes(MAX_METADATA_BYTES));
    save(&mut store, std::slice::from_ref(&largest)).await;
    assert_eq!(store.event(&largest.guid).await.unwrap().unwrap().event, largest);
}

/// A device's clock orders nothing.
pub async fn a_devices_clock_may_say_anything<S: Stores>(stores: &S) {
    let mut store = stores.open(Tenant::A).await;
    let times = [
        "9999-12-31T23:59:59.999999Z",
        "0001-01-01T00:00:00Z",
        "2099-01-01T00:00:00.1Z",
        "1969-12-31T23:59:59.999999Z",
    ];
    let one = |(n, time): (usize, &&str)| event_at(&format!("e{n}"), "create-individual", "p", "{}", time);
    let events: Vec<FormSubmission> = times.iter().enumerate().map(one).collect();
    save(&mut store, &events).await;
    let stored = all(&mut store).await;
    assert!(stored.iter().zip(&events).all(|(stored, event)| stored.event == *event));
    assert!(stored.is_sorted_by(|earlier, later| earlier.recorded_at < later.recorded_at));
}

/// A JSON object of so many bytes.
fn text_of_bytes(bytes: usize) -> Json {
    Json::from_canonical_text(format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8)))
}
