//! Months: made in UTC whatever the session says, by many at once, and none for what has rows already.

use std::collections::BTreeSet;

use tokio_postgres::Client;
use veritrail_tests::database::TestDatabase;
use veritrail_tests::sample::store;

use crate::sample::{entries, save};

async fn texts(client: &Client, sql: &str) -> Vec<String> {
    let rows = client.query(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

/// The months that there should be, and their bounds.
const EXPECTED: &str = "
    SELECT format('audit_log_%s FOR VALUES FROM (''%s'') TO (''%s'')', to_char(m, 'YYYY_MM'),
        to_char(m, 'YYYY-MM-DD HH24:MI:SS+00'), to_char(m + interval '1 month', 'YYYY-MM-DD HH24:MI:SS+00'))
    FROM generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'),
        date_trunc('month', now() AT TIME ZONE 'UTC') + interval '6 months', '1 month') AS m ORDER BY 1";
const FOUND: &str = "
    SELECT c.relname || ' ' || pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits AS i
    JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'veritrail.audit_log'::regclass AND c.relname <> 'audit_log_default' ORDER BY 1";

const MONTHS: &str = "
    SELECT c.relname::text FROM pg_partition_tree('veritrail.audit_log') JOIN pg_class AS c ON c.oid = relid
    WHERE isleaf AND c.relname <> 'audit_log_default'";

#[tokio::test]
async fn months_are_those_of_utc() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    client.batch_execute("SET TimeZone = 'UTC'").await.unwrap();
    let expected = texts(&client, EXPECTED).await;
    assert_eq!(expected.len(), 7);
    assert_eq!(texts(&client, FOUND).await, expected);
    for settings in [
        "SET TimeZone = 'Pacific/Kiritimati'; SET DateStyle = 'SQL, DMY'",
        "SET TimeZone = 'Pacific/Pago_Pago'; SET DateStyle = 'German'",
        "SET TimeZone = 'UTC'; SET search_path = ''",
    ] {
        client.batch_execute("SET session_replication_role = replica").await.unwrap();
        for month in texts(&client, MONTHS).await {
            client.batch_execute(&format!("DROP TABLE veritrail.{month}")).await.unwrap();
        }
        client.batch_execute(settings).await.unwrap();
        let states = texts(&client, "SELECT state FROM veritrail.ensure_audit_partitions()").await;
        assert_eq!(states, ["made"; 7], "{settings}");
        let again = texts(&client, "SELECT state FROM veritrail.ensure_audit_partitions(6)").await;
        assert_eq!(again, ["there"; 7], "{settings}");
        client.batch_execute("RESET ALL; SET TimeZone = 'UTC'").await.unwrap();
        assert_eq!(texts(&client, FOUND).await, expected, "{settings}");
    }
    let refused = client.query("SELECT veritrail.ensure_audit_partitions(-1)", &[]).await.unwrap_err();
    assert!(refused.as_db_error().unwrap().message().contains("must be 0 to 120, not -1"), "{refused:?}");
}

#[tokio::test]
async fn ten_at_once_make_each_month_once() {
    let database = TestDatabase::create().await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(database.connect().await);
    }
    let sql = "SELECT partition_name FROM veritrail.ensure_audit_partitions(18) WHERE state = 'made'";
    let runs: Vec<_> =
        clients.into_iter().map(|client| tokio::spawn(async move { texts(&client, sql).await })).collect();
    let mut made = Vec::new();
    for run in runs {
        made.extend(run.await.unwrap());
    }
    let distinct: BTreeSet<_> = made.iter().collect();
    assert_eq!((made.len(), distinct.len()), (12, 12), "{made:?}");
}

#[tokio::test]
async fn month_with_rows_in_the_default_partition_is_left_to_be_moved() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    let far = "INSERT INTO veritrail.audit_log (tenant_id, position, guid, \"timestamp\", organization_id, action, hash, \
               salts, submitted_by, recorded_at) SELECT 'a', 0, 'a-0', now(), 'a', 'x', encode(sha256('x'), 'hex'), \
               decode(repeat('00', 48), 'hex'), 's', now() + interval '8 months'";
    client.batch_execute(far).await.unwrap();
    let states = texts(&client, "SELECT state FROM veritrail.ensure_audit_partitions(9)").await;
    assert_eq!(states[..7], ["there"; 7]);
    let others: BTreeSet<_> = states[7..].iter().map(String::as_str).collect();
    assert_eq!((states.len(), others), (10, BTreeSet::from(["made", "rows in default"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_lie_in_the_month_of_their_stamp() {
    let database = TestDatabase::create().await;
    let store = store(&database, "a");
    save(&mut store.session().await.unwrap(), &entries(0..3)).await;
    let client = database.connect().await;
    let sql = "SELECT DISTINCT c.relname = 'audit_log_' || to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY_MM') \
               FROM veritrail.audit_log AS a JOIN pg_class AS c ON c.oid = a.tableoid";
    let rows = client.query(sql, &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<bool>>(), [true]);
}

#[tokio::test]
async fn column_refuses_what_is_too_long_or_no_word_of_its_own() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    let long = |length: usize| format!("repeat('x', {length})");
    let cases = [
        ("guid", long(256), "22001"),
        ("ttl", long(256), "22001"),
        ("principal_id", long(256), "22001"),
        ("organization_id", long(256), "22001"),
        ("action", long(256), "22001"),
        ("target_resource_type", long(256), "22001"),
        ("target_resource_id", long(256), "22001"),
        ("status", long(51), "22001"),
        ("status", "'done'".to_owned(), "23514"),
        ("hash", long(65), "22001"),
        ("hash", "'x'".to_owned(), "23514"),
        ("hash_algorithm", "'MD5'".to_owned(), "23514"),
        ("event_version", long(21), "22001"),
        ("correlation_id", long(256), "22001"),
        ("data_classification", "'SECRET'".to_owned(), "23514"),
        ("retention_policy", long(51), "22001"),
        ("processing_latency", "-1".to_owned(), "23514"),
    ];
    for (column, value, code) in cases {
        let sql = format!(
            "INSERT INTO veritrail.audit_log SELECT (jsonb_populate_record(NULL::veritrail.audit_log, jsonb_build_object(\
             'tenant_id', 'a', 'position', 0, 'guid', 'g', 'timestamp', now(), 'organization_id', 'a', 'action', 'x', \
             'status', 'success', 'hash', encode(sha256('x'), 'hex'), 'hash_algorithm', 'SHA-256', \
             'salts', '\\x' || repeat('00', 48), 'submitted_by', 's', 'recorded_at', now()) || \
             jsonb_build_object('{column}', {value}))).*"
        );
        let refused = client.batch_execute(&sql).await.unwrap_err();
        assert_eq!(
            refused.code().map(tokio_postgres::error::SqlState::code),
            Some(code),
            "{column} {value}: {refused:?}"
        );
    }
}
