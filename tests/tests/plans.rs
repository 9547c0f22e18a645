//! No statement of the store reads a whole table: the plans that PostgreSQL makes for each file of `store-pg/src/sql`
//! without knowing the parameters, on tables that nobody has analysed and on full ones.
//!
//! Not here: what the statements answer (`submit`, `cursors`, `verify`).

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tokio_postgres::{Client, SimpleQueryMessage};
use veritrail_tests::database::TestDatabase;

/// Begins the statements that read events.
const COLUMNS: &str = "event_columns.sql";

/// Fills every table as some 20,000 events would, most of them of one tenant. Tiles are there of other tenants too: the
/// 78 of one lie on a page or two, which are read whole at no loss.
const FILL: &str = "
    SET session_replication_role = replica;
    INSERT INTO veritrail.logs (tenant_id, log) VALUES ('default', 'events'), ('small', 'events');
    INSERT INTO veritrail.events
    SELECT tenant, n, 'e-' || n, 'p-' || n / 4, 'create-individual', NULL, '{}', NULL, decode(repeat('00', 48), 'hex'),
        sha256('x'), NULL, '2026-01-01'::timestamptz + n * interval '1 minute', 'u', 's', 0,
        '2026-02-01'::timestamptz + n * interval '1 second', sha256(n::text::bytea)
    FROM (VALUES ('default', 19999), ('small', 299)) AS t (tenant, last), generate_series(0, last) AS n;
    INSERT INTO veritrail.tree_heads
    SELECT 'default', 'events', 1, n * 10, sha256('x'), '', now() FROM generate_series(1, 2000) AS n;
    INSERT INTO veritrail.checkpoints (tenant_id, log, epoch, size, root, note)
    SELECT 'default', 'events', 1, n * 10, sha256('x'), 'note' FROM generate_series(1, 2000) AS n;
    INSERT INTO veritrail.merkle_tiles
    SELECT tenant, 'events', 1, 0, n, sha256('x'), decode(repeat('00', 8192), 'hex')
    FROM (SELECT 'default' UNION SELECT 't-' || n FROM generate_series(1, 12) AS n) AS t (tenant),
        generate_series(0, 77) AS n;
    INSERT INTO veritrail.entities
    SELECT 'default', 'p-' || n, 'individual', NULL, NULL, 1, '{}', '{}', n * 4, now(), NULL
    FROM generate_series(0, 4999) AS n;
    INSERT INTO veritrail.entity_snapshots
    SELECT 'default', 'p-' || n / 4, 1 + n % 4, n, '{}', now() FROM generate_series(0, 9999) AS n;
    INSERT INTO veritrail.hash_anchors SELECT 't-' || n, 'events', 1, n, sha256('x') FROM generate_series(1, 5000) AS n;
    INSERT INTO veritrail.entity_events SELECT 'default', 'p-' || n % 4000, n * 2 FROM generate_series(0, 9999) AS n;
    INSERT INTO veritrail.entity_members SELECT 'default', 'p-' || n, 'g-' || n / 5 FROM generate_series(0, 4999) AS n;
";

/// The statements by file name.
fn statements() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/store-pg/src/sql");
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != COLUMNS)
        .collect();
    names.sort();
    let whole = |name: String| {
        let text = read(&name);
        // What begins with FROM goes on from the columns of an event.
        let text = if text.starts_with("FROM") { read(COLUMNS) + &text } else { text };
        (name, text)
    };
    names.into_iter().map(whole).collect()
}

fn parameters(sql: &str) -> usize {
    sql.split('$')
        .skip(1)
        .map(|rest| {
            rest[..rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len()].parse().unwrap()
        })
        .max()
        .unwrap_or(0)
}

/// The plan that serves whatever the parameters are.
async fn generic_plan(client: &Client, sql: &str) -> Value {
    let nulls = vec!["NULL"; parameters(sql)].join(", ");
    client.batch_execute(&format!("PREPARE planned AS {sql}")).await.unwrap();
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE planned ({nulls})");
    let messages = client.simple_query(&explain).await.unwrap();
    client.batch_execute("DEALLOCATE planned").await.unwrap();
    let text = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    serde_json::from_str(text.expect("a plan is one row")).unwrap()
}

/// What reads more of a table than the parameters ask for: a scan of all of it, or of all of an index.
fn whole_scans(plan: &Value, tables: &BTreeSet<String>, found: &mut Vec<String>) {
    if let Value::Array(parts) = plan {
        parts.iter().for_each(|part| whole_scans(part, tables, found));
    }
    let Value::Object(node) = plan else { return };
    let text = |name: &str| node.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = text("Node Type");
    let is_ours = tables.contains(text("Relation Name"));
    let condition = text("Index Cond");
    let is_whole = match kind {
        "Seq Scan" => is_ours,
        "Index Scan" | "Index Only Scan" => is_ours && !condition.contains("tenant_id ="),
        "Bitmap Index Scan" => !condition.contains("tenant_id ="),
        _ => false,
    };
    if is_whole {
        found.push(format!("{kind} of {}{} ({condition})", text("Relation Name"), text("Index Name")));
    }
    node.values().for_each(|part| whole_scans(part, tables, found));
}

async fn assert_no_whole_scans(client: &Client, state: &str) {
    client.batch_execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'veritrail'";
    let tables: BTreeSet<String> =
        client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(tables.contains("events"));
    let mut wrong = Vec::new();
    for (name, sql) in statements() {
        let plan = generic_plan(client, &sql).await;
        let mut found = Vec::new();
        whole_scans(&plan, &tables, &mut found);
        wrong.extend(found.into_iter().map(|scan| format!("{name}, {state}: {scan}")));
    }
    assert_eq!(wrong, [""; 0]);
}

#[tokio::test]
async fn new_tables_are_not_scanned() {
    let database = TestDatabase::create().await;
    assert_no_whole_scans(&database.connect().await, "empty").await;
}

#[tokio::test]
async fn full_tables_are_not_scanned() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    // Autovacuum may analyse them in between, which makes the second state the third one.
    client.batch_execute(FILL).await.unwrap();
    assert_no_whole_scans(&client, "full").await;
    client.batch_execute("ANALYZE").await.unwrap();
    assert_no_whole_scans(&client, "full and analysed").await;
}

#[tokio::test]
async fn tables_analysed_while_empty_are_not_scanned_once_full() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    // As long as they are empty there is nothing to read but nothing.
    client.batch_execute("VACUUM ANALYZE").await.unwrap();
    client.batch_execute(FILL).await.unwrap();
    assert_no_whole_scans(&client, "analysed while empty, then filled").await;
}

#[tokio::test]
async fn statement_that_scans_is_noticed() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    client.batch_execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    let tables = BTreeSet::from(["events".to_owned()]);
    let scans = [
        "SELECT * FROM veritrail.events WHERE tenant_id = $1::text AND guid LIKE $2::text",
        "SELECT (SELECT count(*) FROM veritrail.events WHERE user_id = $1::text)",
    ];
    client.batch_execute(FILL).await.unwrap();
    client.batch_execute("ANALYZE").await.unwrap();
    for sql in scans {
        let mut found = Vec::new();
        whole_scans(&generic_plan(&client, sql).await, &tables, &mut found);
        assert_eq!(found.len(), 1, "{sql}: {found:?}");
    }
}
