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

/// Begin the statements that read events and audit entries.
const COLUMNS: [&str; 2] = ["event_columns.sql", "audit_columns.sql"];

/// Fills every table as some 20,000 events would, most of them of one tenant. Tiles are there of other tenants too: the
/// 78 of one lie on a page or two, which are read whole at no loss.
const FILL: &str = "
    SET session_replication_role = replica;
    INSERT INTO veritrail.logs (tenant_id, log) VALUES ('default', 'events'), ('small', 'events');
    INSERT INTO veritrail.logs (tenant_id, log) SELECT 't-' || n, 'events' FROM generate_series(1, 5000) AS n;
    INSERT INTO veritrail.events
    SELECT tenant, n, 'e-' || n, 'p-' || n / 4, 'create-individual', NULL, '{}', NULL, decode(repeat('00', 48), 'hex'),
        sha256('x'), NULL, '2026-01-01'::timestamptz + n * interval '1 minute', 'u', 's', 0,
        '2026-02-01'::timestamptz + n * interval '1 second', sha256(n::text::bytea)
    FROM (VALUES ('default', 19999), ('small', 299)) AS t (tenant, last), generate_series(0, last) AS n;
    INSERT INTO veritrail.audit_log (tenant_id, position, guid, \"timestamp\", principal_id, organization_id, action, hash,
        target_resource_type, target_resource_id, correlation_id, data_classification, retention_policy, entity_guid,
        event_guid, salts, submitted_by, recorded_at, status)
    SELECT tenant, n, 'a-' || n, '2026-01-01'::timestamptz + n * interval '1 minute', 'u-' || n % 100, 'o-' || n % 50,
        'action-' || n % 50, encode(sha256('x'), 'hex'), 'type-' || n % 50, 'r-' || n % 200, 'c-' || n,
        (ARRAY['PUBLIC', 'INTERNAL', 'CONFIDENTIAL', 'PHI'])[1 + n % 4], 'p-' || n % 50, 'p-' || n / 4, 'e-' || n,
        decode(repeat('00', 48), 'hex'), 's', now() + n * interval '10 minutes',
        (ARRAY['attempt', 'success', 'failure'])[1 + n % 3]
    FROM (VALUES ('default', 19999), ('small', 299)) AS t (tenant, last), generate_series(0, last) AS n;
    INSERT INTO veritrail.audit_index
    SELECT tenant_id, position, guid, recorded_at, sha256(position::text::bytea) FROM veritrail.audit_log;
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
    INSERT INTO veritrail.sync_levels
    SELECT tenant, log, n, 1
    FROM (VALUES ('default'), ('small')) AS t (tenant), (VALUES ('events'), ('audit')) AS l (log),
        generate_series(0, 9999) AS n;
    INSERT INTO veritrail.sync_metadata SELECT 't-' || n, 'lastRemoteSync', '' FROM generate_series(0, 4999) AS n;
";

/// The statements by file name.
fn statements() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/store-pg/src/sql");
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !COLUMNS.contains(&name.as_str()))
        .collect();
    names.sort();
    let whole = |name: String| {
        let text = read(&name);
        // What begins with FROM goes on from the columns of an event or of an audit entry.
        let columns = COLUMNS[usize::from(name.starts_with("audit_"))];
        let text = if text.starts_with("FROM") { read(columns) + &text } else { text };
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

/// What the statements read, both for who sees every row and for an application, whose conditions of its own must be
/// such that they may be looked at before those of row-level security.
async fn assert_no_whole_scans(database: &TestDatabase, state: &str) {
    let application = database.connect().await;
    application
        .batch_execute(&format!(
            "SET ROLE {}; SET veritrail.tenant_id = 'default'",
            database.application_role()
        ))
        .await
        .unwrap();
    assert_no_whole_scans_by(&database.connect().await, state).await;
    assert_no_whole_scans_by(&application, &format!("{state}, under row-level security")).await;
}

async fn assert_no_whole_scans_by(client: &Client, state: &str) {
    client.batch_execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    // Where others are full, a month without rows may be scanned: there is nothing to read.
    let sql = "SELECT relname::text FROM pg_class WHERE relnamespace = 'veritrail'::regnamespace \
               AND relkind IN ('r', 'p') AND ($1 OR pg_relation_size(oid) > 0)";
    let are_empty = state.starts_with("empty");
    let tables: BTreeSet<String> =
        client.query(sql, &[&are_empty]).await.unwrap().iter().map(|row| row.get(0)).collect();
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
    assert_no_whole_scans(&database, "empty").await;
}

#[tokio::test]
async fn full_tables_are_not_scanned() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    // Autovacuum may analyse them in between, which makes the second state the third one.
    client.batch_execute(FILL).await.unwrap();
    assert_no_whole_scans(&database, "full").await;
    client.batch_execute("ANALYZE").await.unwrap();
    assert_no_whole_scans(&database, "full and analysed").await;
}

#[tokio::test]
async fn tables_analysed_while_empty_are_not_scanned_once_full() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    // As long as they are empty there is nothing to read but nothing.
    client.batch_execute("VACUUM ANALYZE").await.unwrap();
    client.batch_execute(FILL).await.unwrap();
    assert_no_whole_scans(&database, "analysed while empty, then filled").await;
}

/// The most rows that a part of a plan has given.
fn most_rows(plan: &Value) -> f64 {
    let own = plan.get("Actual Rows").and_then(Value::as_f64).unwrap_or(0.0);
    let parts = match plan {
        Value::Array(parts) => parts.iter().map(most_rows).reduce(f64::max),
        Value::Object(node) => node.values().map(most_rows).reduce(f64::max),
        _ => None,
    };
    own.max(parts.unwrap_or(0.0))
}

/// A statement that is limited alone may read and sort the rest of the log where PostgreSQL takes it for short.
#[tokio::test]
async fn a_page_reads_its_own_rows_alone_though_the_table_is_unknown() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    client.batch_execute("ALTER TABLE veritrail.events SET (autovacuum_enabled = false)").await.unwrap();
    client.batch_execute(FILL).await.unwrap();
    client.batch_execute("SET plan_cache_mode = force_custom_plan").await.unwrap();
    let pages = [
        ("events_by_position.sql", "'default', 100, 9223372036854775807, 1000"),
        ("events_after.sql", "'default', '2026-02-01 00:10:00+00', 1000"),
        ("positions_of_sync_level.sql", "'default', 100, 0, 1000"),
    ];
    for (name, values) in pages {
        let (_, sql) = statements().into_iter().find(|(found, _)| found == name).unwrap();
        client.batch_execute(&format!("PREPARE planned AS {sql}")).await.unwrap();
        let explain = format!("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE planned ({values})");
        let messages = client.simple_query(&explain).await.unwrap();
        client.batch_execute("DEALLOCATE planned").await.unwrap();
        let text = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let plan: Value = serde_json::from_str(text.unwrap()).unwrap();
        let most = most_rows(&plan);
        assert!((1.0..=1_000.0).contains(&most), "{name}: {most} rows: {plan:#}");
    }
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

/// The index conditions under a plan node, each with the name of its index.
fn index_conditions(plan: &Value, found: &mut Vec<(String, String)>) {
    match plan {
        Value::Array(parts) => parts.iter().for_each(|part| index_conditions(part, found)),
        Value::Object(node) => {
            let text = |name: &str| node.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            if node.contains_key("Index Name") {
                found.push((text("Index Name"), text("Index Cond")));
            }
            node.values().for_each(|part| index_conditions(part, found));
        }
        _ => {}
    }
}

/// Each filter that one of the fourteen indexes of the original schema serves is served by an index of ours: the tenant
/// and all columns of the filter are conditions of one index.
#[tokio::test]
async fn every_filter_of_the_audit_log_has_an_index() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    client.batch_execute(FILL).await.unwrap();
    client
        .batch_execute("ANALYZE; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
        .await
        .unwrap();
    // The next month is full, whatever day it is.
    let next = "SELECT 'audit_log_' || to_char(now() AT TIME ZONE 'UTC' + interval '1 month', 'YYYY_MM')";
    let month: String = client.query_one(next, &[]).await.unwrap().get(0);
    let filters: [&[&str]; 14] = [
        &["timestamp"],
        &["principal_id"],
        &["organization_id"],
        &["action"],
        &["status"],
        &["target_resource_type"],
        &["target_resource_id"],
        &["correlation_id"],
        &["data_classification"],
        &["retention_policy"],
        &["status", "timestamp"],
        &["principal_id", "action"],
        &["data_classification", "retention_policy"],
        &["target_resource_type", "target_resource_id"],
    ];
    for columns in filters {
        let condition = |(column, n): (&&str, usize)| match *column {
            "timestamp" => {
                format!("\"timestamp\" >= ${n}::timestamptz AND \"timestamp\" < ${n}::timestamptz + '1 hour'")
            }
            column => format!("{column} = ${n}::text"),
        };
        let conditions: Vec<_> = columns.iter().zip(2..).map(condition).collect();
        let sql = format!(
            "SELECT position, guid FROM veritrail.audit_log WHERE tenant_id = $1::text AND {}",
            conditions.join(" AND ")
        );
        let mut found = Vec::new();
        index_conditions(&generic_plan(&client, &sql).await, &mut found);
        found.retain(|(index, _)| index.starts_with(&month));
        let serves = |condition: &str| {
            condition.contains("tenant_id =") && columns.iter().all(|column| condition.contains(column))
        };
        assert!(
            !found.is_empty() && found.iter().all(|(_, condition)| serves(condition)),
            "{columns:?}: {found:?}"
        );
    }
}

/// A page of a month touches that month alone.
#[tokio::test]
async fn time_range_reads_its_months_only() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    let this = "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')";
    let month: String = client.query_one(this, &[]).await.unwrap().get(0);
    let sql = format!(
        "EXPLAIN (FORMAT JSON) SELECT position FROM veritrail.audit_log WHERE tenant_id = 'default' \
         AND recorded_at >= '{month}-03 00:00:00+00' AND recorded_at < '{month}-09 00:00:00+00'"
    );
    let messages = client.simple_query(&sql).await.unwrap();
    let plan = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let names: BTreeSet<&str> = plan
        .unwrap()
        .split("\"Relation Name\": \"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap_or_default())
        .collect();
    let expected = format!("audit_log_{}", month.replace('-', "_"));
    assert_eq!(names, BTreeSet::from([expected.as_str()]));
}
