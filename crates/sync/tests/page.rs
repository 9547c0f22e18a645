//! What `check_page` believes: logs in memory, a right page, and every way in which a page can be wrong.
//!
//! Not here: range proofs by themselves (`veritrail-merkle`) and cursors.

#![expect(clippy::unwrap_used, reason = "clippy takes the functions beside the tests for no tests")]

use uuid::Uuid;
use veritrail_core::{
    FormSubmission, Hash, Json, LeafParts, Position, SALT_BYTES, Salts, StoredEvent, Subject, SyncLevel,
    Timestamp, TreeHead,
};
use veritrail_merkle::checkpoint::Checkpoint;
use veritrail_merkle::{CompactRange, Sha256Hasher, VerifyError, proof, root_of_leaves};
use veritrail_sync::{PageError, check_page};

const LOG_ID: Uuid = Uuid::from_u128(1);
const OTHER_LOG_ID: Uuid = Uuid::from_u128(2);
const EVENTS: usize = 23;
const BEGIN: usize = 6;
const END: usize = 13;

type Verdict = Result<Vec<StoredEvent>, PageError>;

/// A log in memory.
struct MemoryLog {
    id: Uuid,
    events: Vec<StoredEvent>,
}

impl MemoryLog {
    fn new(id: Uuid, names: impl Iterator<Item = String>) -> Self {
        let events = names.enumerate().map(|(position, name)| stored(id, position, &name)).collect();
        Self { id, events }
    }

    fn of(id: Uuid) -> Self {
        Self::new(id, (0..EVENTS).map(|position| format!("Mary {position}")))
    }

    fn leaves(&self, size: usize) -> Vec<Hash> {
        self.events[..size].iter().map(|event| event.leaf_hash).collect()
    }

    /// What a reader keeps that has read `size` events.
    fn head(&self, size: usize) -> TreeHead {
        let mut frontier = CompactRange::empty(0);
        for leaf in self.leaves(size) {
            frontier.append(&Sha256Hasher, leaf, |_, _| {});
        }
        let recorded_at = size.checked_sub(1).map(|last| self.events[last].recorded_at);
        TreeHead { root: frontier.root(&Sha256Hasher).unwrap(), frontier, recorded_at }
    }

    fn checkpoint(&self, size: usize) -> Checkpoint {
        Checkpoint {
            origin: format!("example.com/{}/1", self.id),
            size: to_u64(size),
            root: root_of_leaves(&Sha256Hasher, &self.leaves(size)),
            extensions: vec![],
        }
    }

    fn proof(&self, begin: usize, end: usize, size: usize) -> Vec<Hash> {
        let leaves = self.leaves(size);
        let plan = proof::plan_range(to_u64(begin), to_u64(end), to_u64(size)).unwrap();
        let fetched = plan.nodes().iter().map(|node| {
            let covered = node.leaves().unwrap();
            let (begin, end) = (covered.start.try_into().unwrap(), covered.end.try_into().unwrap());
            root_of_leaves(&Sha256Hasher, &leaves[begin..end])
        });
        plan.assemble(&Sha256Hasher, fetched.collect()).unwrap()
    }

    /// The page [`BEGIN`, `END`), as a server gives it.
    fn page(&self) -> Vec<StoredEvent> {
        self.events[BEGIN..END].to_vec()
    }

    /// Checks `events` as the page that follows `BEGIN`, with all else as it must be.
    fn check(&self, events: Vec<StoredEvent>) -> Verdict {
        let proof = self.proof(BEGIN, END, EVENTS);
        check_page(&self.head(BEGIN), self.id, events, &proof, &self.checkpoint(EVENTS))
    }
}

fn stored(log_id: Uuid, position: usize, name: &str) -> StoredEvent {
    let text = format!(
        r#"{{"guid":"e-{position}","entityGuid":"p-1","type":"update-individual","userId":"ana","data":{{"name":"{name}"}},
            "timestamp":"2026-03-01T07:30:00Z","schemaVersion":1,"metadata":{{"form":"census"}}}}"#
    );
    let byte = u8::try_from(position).unwrap();
    let salts = Salts {
        data: [byte; SALT_BYTES],
        metadata: [byte + 1; SALT_BYTES],
        envelope: [byte + 2; SALT_BYTES],
    };
    let event = FormSubmission::parse(&text).unwrap();
    let recorded_at = Timestamp::from_unix_micros(1_772_000_000_000_000 + i64::from(byte)).unwrap();
    let mut stored = StoredEvent {
        position: Position(to_u64(position)),
        parts: LeafParts::of(&event, &salts),
        submitted_by: Subject::new("device-1").unwrap(),
        event,
        salts,
        recorded_at,
        leaf_hash: no_leaf(),
    };
    stored.leaf_hash = stored.recomputed_leaf(&Sha256Hasher, log_id);
    stored
}

/// The hash of nothing, which is no leaf of any event.
fn no_leaf() -> Hash {
    root_of_leaves(&Sha256Hasher, &[])
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap()
}

/// Gives the events the positions at which the page must have them.
fn renumber(mut events: Vec<StoredEvent>) -> Vec<StoredEvent> {
    for (position, event) in (to_u64(BEGIN)..).zip(&mut events) {
        event.position = Position(position);
    }
    events
}

fn is_not_of_this_log(verdict: &Verdict) -> bool {
    matches!(verdict, Err(PageError::NotOfThisLog { .. }))
}

fn leads_to_another_root(verdict: &Verdict) -> bool {
    matches!(verdict, Err(PageError::NotOfThisLog { source: VerifyError::RootMismatch { .. }, .. }))
}

#[test]
fn every_right_page_is_believed() {
    let log = MemoryLog::of(LOG_ID);
    for size in 0..=EVENTS {
        let checkpoint = log.checkpoint(size);
        for begin in 0..=size {
            let known = log.head(begin);
            for end in begin..=size {
                if begin == end && end < size {
                    continue;
                }
                let proof = log.proof(begin, end, size);
                let page = log.events[begin..end].to_vec();
                let verdict = check_page(&known, LOG_ID, page.clone(), &proof, &checkpoint);
                assert_eq!(verdict, Ok(page), "[{begin}, {end}) of {size}");
            }
        }
    }
}

#[test]
fn dropped_event_is_found() {
    let log = MemoryLog::of(LOG_ID);
    for dropped in 0..END - BEGIN {
        let mut events = log.page();
        events.remove(dropped);
        assert!(is_not_of_this_log(&log.check(renumber(events.clone()))), "event {dropped}");
        // Without its last event a page is a right one that ends earlier, but for its proof.
        let Err(PageError::Position { place, found, expected }) = log.check(events) else {
            assert_eq!(dropped, END - BEGIN - 1);
            continue;
        };
        assert_eq!((place, found.0, expected.0), (dropped, expected.0 + 1, to_u64(BEGIN + dropped)));
    }
}

#[test]
fn empty_page_before_the_end_is_found() {
    let log = MemoryLog::of(LOG_ID);
    assert!(is_not_of_this_log(&log.check(vec![])));
    let known = log.head(BEGIN);
    let proof: Vec<Hash> = known.frontier.hashes().to_vec();
    assert!(is_not_of_this_log(&check_page(&known, LOG_ID, vec![], &proof, &log.checkpoint(EVENTS))));
}

#[test]
fn added_event_is_found() {
    let log = MemoryLog::of(LOG_ID);
    let mut events = log.page();
    events.insert(2, stored(LOG_ID, BEGIN + 2, "Eve"));
    assert!(matches!(log.check(events.clone()), Err(PageError::Position { place: 3, .. })));
    assert!(is_not_of_this_log(&log.check(renumber(events))));
}

#[test]
fn swapped_events_are_found() {
    let log = MemoryLog::of(LOG_ID);
    let mut events = log.page();
    events.swap(1, 4);
    let (found, expected) = (Position(to_u64(BEGIN + 4)), Position(to_u64(BEGIN + 1)));
    assert_eq!(log.check(events.clone()), Err(PageError::Position { place: 1, found, expected }));
    assert!(leads_to_another_root(&log.check(renumber(events))));
}

#[test]
fn changed_event_is_found() {
    type Change = fn(&mut StoredEvent);
    let changes: [(&str, Change); 14] = [
        ("guid", |stored| stored.event.guid = "e-x".parse().unwrap()),
        ("entity", |stored| stored.event.entity_guid = "p-2".parse().unwrap()),
        ("type", |stored| stored.event.event_type = "create-individual".parse().unwrap()),
        ("schema version", |stored| stored.event.schema_version = None),
        ("data", |stored| stored.event.data = Json::parse(r#"{"name":"Eve"}"#).unwrap()),
        ("metadata", |stored| stored.event.metadata = Some(Json::parse("{}").unwrap())),
        ("absent metadata", |stored| stored.event.metadata = None),
        ("timestamp", |stored| stored.event.timestamp = "2026-03-01T07:30:00.000001Z".parse().unwrap()),
        ("user", |stored| stored.event.user_id = "eve".parse().unwrap()),
        ("submitter", |stored| stored.submitted_by = Subject::new("device-2").unwrap()),
        ("stamp", |stored| {
            stored.recorded_at = Timestamp::from_unix_micros(stored.recorded_at.unix_micros() + 1).unwrap();
        }),
        ("data salt", |stored| stored.salts.data[0] ^= 1),
        ("metadata salt", |stored| stored.salts.metadata[15] ^= 1),
        ("envelope salt", |stored| stored.salts.envelope[7] ^= 1),
    ];
    let log = MemoryLog::of(LOG_ID);
    for (what, change) in changes {
        for place in 0..END - BEGIN {
            let mut events = log.page();
            change(&mut events[place]);
            assert!(leads_to_another_root(&log.check(events)), "{what} of event {place}");
        }
    }
}

#[test]
fn what_a_page_says_of_its_leaves_is_not_asked() {
    let log = MemoryLog::of(LOG_ID);
    let mut forged = log.page();
    for event in &mut forged {
        event.event.data = Json::parse(r#"{"name":"Eve"}"#).unwrap();
    }
    assert!(leads_to_another_root(&log.check(forged)), "the true leaves stand beside other data");

    let mut mislabelled = log.page();
    for event in &mut mislabelled {
        event.leaf_hash = no_leaf();
        event.parts = LeafParts { data_hash: no_leaf(), metadata_hash: None };
    }
    assert_eq!(log.check(mislabelled), Ok(log.page()), "what is given on has the leaves that were proved");
}

#[test]
fn sync_level_is_bound_into_nothing() {
    let log = MemoryLog::of(LOG_ID);
    let mut events = log.page();
    events[0].event.sync_level = SyncLevel::External;
    assert_eq!(log.check(events.clone()), Ok(events));
}

#[test]
fn page_of_another_log_is_found() {
    let (log, other) = (MemoryLog::of(LOG_ID), MemoryLog::of(OTHER_LOG_ID));
    // Everything is rightly proved, but for the id that the reader asked for.
    let proof = other.proof(0, END, EVENTS);
    let verdict =
        check_page(&log.head(0), LOG_ID, other.events[..END].to_vec(), &proof, &other.checkpoint(EVENTS));
    assert!(leads_to_another_root(&verdict));
}

#[test]
fn changed_proof_is_found() {
    let log = MemoryLog::of(LOG_ID);
    let (known, events, checkpoint) = (log.head(BEGIN), log.page(), log.checkpoint(EVENTS));
    let right = log.proof(BEGIN, END, EVENTS);
    for index in 0..right.len() {
        let mut proof = right.clone();
        proof[index] = no_leaf();
        assert!(leads_to_another_root(&check_page(&known, LOG_ID, events.clone(), &proof, &checkpoint)));
        proof.remove(index);
        assert!(is_not_of_this_log(&check_page(&known, LOG_ID, events.clone(), &proof, &checkpoint)));
    }
}

#[test]
fn page_beyond_the_checkpoint_is_found() {
    let log = MemoryLog::of(LOG_ID);
    let proof = log.proof(BEGIN, END, EVENTS);
    for size in BEGIN..END {
        let verdict = check_page(&log.head(BEGIN), LOG_ID, log.page(), &proof, &log.checkpoint(size));
        assert_eq!(verdict, Err(PageError::BeyondCheckpoint { end: to_u64(END), size: to_u64(size) }));
    }
}

#[test]
fn checkpoint_that_was_rolled_back_is_found() {
    let log = MemoryLog::of(LOG_ID);
    for size in 0..BEGIN {
        let proof = log.proof(size, size, size);
        let verdict = check_page(&log.head(BEGIN), LOG_ID, vec![], &proof, &log.checkpoint(size));
        assert_eq!(verdict, Err(PageError::RolledBack { size: to_u64(size), known: to_u64(BEGIN) }));
    }
}

#[test]
fn history_that_was_forked_behind_the_reader_is_found() {
    let log = MemoryLog::of(LOG_ID);
    // The fork differs in one event that the reader has; all that follows is the same, and rightly proved.
    for changed in 0..BEGIN {
        let name = |position| if position == changed { "Eve".into() } else { format!("Mary {position}") };
        let fork = MemoryLog::new(LOG_ID, (0..EVENTS).map(name));
        assert_eq!(fork.check(fork.page()), Ok(fork.page()));
        let proof = fork.proof(BEGIN, END, EVENTS);
        let verdict = check_page(&log.head(BEGIN), LOG_ID, fork.page(), &proof, &fork.checkpoint(EVENTS));
        assert_eq!(verdict, Err(PageError::Forked { size: to_u64(BEGIN) }), "event {changed}");
        let at_the_end = check_page(
            &log.head(BEGIN),
            LOG_ID,
            vec![],
            &fork.proof(BEGIN, BEGIN, BEGIN),
            &fork.checkpoint(BEGIN),
        );
        assert_eq!(at_the_end, Err(PageError::Forked { size: to_u64(BEGIN) }), "event {changed}");
    }
}
