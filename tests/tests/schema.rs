//! The schema: migrations go up, down and up again, and what they make keeps the rules that every table of ours keeps.
//!
//! Not here: how statements use it (`plans`).

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tokio_postgres::Client;
use veritrail_migrations::{migrate, revert_all, status};
use veritrail_tests::database::TestDatabase;

const LEDGER: &str = "__diesel_schema_migrations";

/// A database that no migration has ever touched.
async fn empty_database() -> TestDatabase {
    let database = TestDatabase::create().await;
    database.connect().await.batch_execute("DROP SCHEMA veritrail CASCADE").await.unwrap();
    database
}

async fn texts(client: &Client, sql: &str) -> Vec<String> {
    let rows = client.query(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

/// Everything that the schema consists of, a line each.
async fn fingerprint(database: &TestDatabase) -> Vec<String> {
    const PARTS: &str = "
        SELECT format('column %s.%s %s %s not null: %s default: %s collation: %s comment: %s', c.relname, a.attnum,
            a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
            a.attcollation::regcollation, col_description(c.oid, a.attnum))
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = to_regnamespace('veritrail')
        UNION ALL
        SELECT format('relation %s %s storage: %s row security: %s forced: %s comment: %s', c.relkind, c.relname,
            c.reloptions, c.relrowsecurity, c.relforcerowsecurity, obj_description(c.oid, 'pg_class'))
        FROM pg_class c WHERE c.relnamespace = to_regnamespace('veritrail')
        UNION ALL
        SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = to_regnamespace('veritrail')
        UNION ALL
        SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'veritrail'
        UNION ALL
        SELECT format('trigger %s', pg_get_triggerdef(t.oid))
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = to_regnamespace('veritrail')
        UNION ALL
        SELECT format('view %s', pg_get_viewdef(c.oid))
        FROM pg_class c WHERE c.relkind = 'v' AND c.relnamespace = to_regnamespace('veritrail')
        UNION ALL
        SELECT format('policy %s %s %s %s %s', tablename, policyname, cmd, qual, with_check)
        FROM pg_policies WHERE schemaname = 'veritrail'
        UNION ALL
        SELECT format('function %s for all: %s comment: %s', pg_get_functiondef(p.oid),
            has_function_privilege('public', p.oid, 'EXECUTE'), obj_description(p.oid, 'pg_proc'))
        FROM pg_proc p WHERE p.pronamespace = to_regnamespace('veritrail')
        ORDER BY 1";
    texts(&database.connect().await, PARTS).await
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_go_up_down_and_up_again() {
    let database = empty_database().await;
    let up = migrate(database.url()).await.unwrap();
    assert!(up.len() >= 5 && up.is_sorted(), "{up:?}");
    assert!(status(database.url()).await.unwrap().iter().all(|state| state.applied));
    let first = fingerprint(&database).await;
    assert!(first.len() > 100);

    let mut down = revert_all(database.url()).await.unwrap();
    down.reverse();
    assert_eq!(down, up);
    assert!(status(database.url()).await.unwrap().iter().all(|state| !state.applied));
    // The ledger stays, and so does the schema that it is in.
    let left = fingerprint(&database).await;
    let foreign: Vec<_> = left.iter().filter(|line| !line.contains(LEDGER)).collect();
    assert_eq!(foreign, [""; 0]);
    let types =
        "SELECT typname::text FROM pg_type WHERE typnamespace = 'veritrail'::regnamespace AND typelem = 0";
    assert_eq!(texts(&database.connect().await, types).await, [LEDGER]);

    assert_eq!(migrate(database.url()).await.unwrap(), up);
    assert_eq!(fingerprint(&database).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_twice_does_nothing() {
    let database = TestDatabase::create().await;
    let before = fingerprint(&database).await;
    assert_eq!(migrate(database.url()).await.unwrap(), [""; 0]);
    assert_eq!(fingerprint(&database).await, before);

    revert_all(database.url()).await.unwrap();
    assert_eq!(revert_all(database.url()).await.unwrap(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_migrations_at_once_are_one() {
    let database = empty_database().await;
    let runs: Vec<_> = (0..10)
        .map(|_| {
            let url = database.url().to_owned();
            tokio::spawn(async move { migrate(&url).await })
        })
        .collect();
    let mut applied = Vec::new();
    for run in runs {
        applied.push(run.await.unwrap().unwrap());
    }
    let working: Vec<_> = applied.iter().filter(|names| !names.is_empty()).collect();
    assert_eq!(working.len(), 1, "{applied:?}");
    assert_eq!(fingerprint(&database).await, fingerprint(&TestDatabase::create().await).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_of_a_host_application_is_left_alone() {
    let database = empty_database().await;
    let client = database.connect().await;
    let host = format!("CREATE TABLE public.{LEDGER} (version varchar(50) PRIMARY KEY, run_on timestamp)");
    client.batch_execute(&host).await.unwrap();
    migrate(database.url()).await.unwrap();
    revert_all(database.url()).await.unwrap();
    let rows = texts(&client, &format!("SELECT version::text FROM public.{LEDGER}")).await;
    assert_eq!(rows, [""; 0]);
}

fn schema_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/store-pg/src/schema.rs")
}

/// The body of `schema.rs` for the tables as they are.
async fn tables_for_diesel(client: &Client) -> String {
    const COLUMNS: &str = "
        SELECT c.relname::text, a.attname::text, a.attnotnull, format_type(a.atttypid, NULL)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'veritrail'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND c.relname <> '__diesel_schema_migrations'
        ORDER BY c.relname COLLATE \"C\", a.attnum";
    const KEYS: &str = "
        SELECT c.relname::text, string_agg(a.attname, ', ' ORDER BY k.place)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, place)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
        WHERE i.indisprimary AND c.relnamespace = 'veritrail'::regnamespace
        GROUP BY c.relname";
    let keys = client.query(KEYS, &[]).await.unwrap();
    let keys: BTreeMap<String, String> = keys.iter().map(|row| (row.get(0), row.get(1))).collect();
    let mut tables: BTreeMap<String, String> = BTreeMap::new();
    for row in client.query(COLUMNS, &[]).await.unwrap() {
        let (table, column, sql): (String, String, String) = (row.get(0), row.get(1), row.get(3));
        let lines = tables.entry(table).or_default();
        let kind = diesel_type(&sql);
        let kind = if row.get(2) { kind } else { format!("Nullable<{kind}>") };
        if column == "type" {
            lines.push_str("            #[sql_name = \"type\"]\n            type_");
        } else {
            write!(lines, "            {column}").unwrap();
        }
        writeln!(lines, " -> {kind},").unwrap();
    }
    let one = |(table, lines): (&String, &String)| {
        let key = &keys[table];
        format!("    diesel::table! {{\n        veritrail.{table} ({key}) {{\n{lines}        }}\n    }}\n")
    };
    tables.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn diesel_type(sql: &str) -> String {
    if let Some(element) = sql.strip_suffix("[]") {
        return format!("Array<Nullable<{}>>", diesel_type(element));
    }
    let name = match sql {
        "bigint" => "Int8",
        "boolean" => "Bool",
        "bytea" => "Bytea",
        "integer" => "Int4",
        "json" => "Json",
        "jsonb" => "Jsonb",
        "regrole" => "Oid",
        "smallint" => "Int2",
        "text" => "Text",
        "character varying" => "Varchar",
        "timestamp with time zone" => "Timestamptz",
        "uuid" => "Uuid",
        other => panic!("no table had a column of type {other} before: say here what Diesel calls it"),
    };
    name.to_owned()
}

#[tokio::test]
async fn schema_rs_is_the_live_schema() {
    const BEGIN: &str = "pub(crate) mod veritrail {\n";
    let database = TestDatabase::create().await;
    let written = fs::read_to_string(schema_file()).unwrap();
    let (header, _) = written.split_once(BEGIN).expect("the file has the module `veritrail`");
    let live = format!("{header}{BEGIN}{}}}\n", tables_for_diesel(&database.connect().await).await);
    if std::env::var_os("VERITRAIL_WRITE_SCHEMA").is_some_and(|value| value == "1") {
        fs::write(schema_file(), &live).unwrap();
    } else {
        assert_eq!(
            written, live,
            "run `VERITRAIL_WRITE_SCHEMA=1 cargo xtask test schema_rs` and look at the change"
        );
    }
}

#[tokio::test]
async fn every_table_and_every_unclear_column_has_a_comment() {
    /// What needs no comment wherever it stands.
    const CLEAR: [&str; 16] = [
        "tenant_id",
        "log",
        "epoch",
        "size",
        "root",
        "guid",
        "entity_guid",
        "member_guid",
        "group_guid",
        "type",
        "name",
        "external_id",
        "schema_version",
        "position",
        "tile_index",
        "published_at",
    ];
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    let tables = "SELECT relname::text FROM pg_class WHERE relnamespace = 'veritrail'::regnamespace \
                  AND relkind IN ('r', 'p', 'v') AND relname <> '__diesel_schema_migrations' \
                  AND obj_description(oid, 'pg_class') IS NULL";
    assert_eq!(texts(&client, tables).await, [""; 0]);
    let columns = "SELECT attname::text || ' of ' || c.relname FROM pg_attribute \
                   JOIN pg_class c ON c.oid = attrelid AND attnum > 0 AND NOT attisdropped \
                   WHERE relnamespace = 'veritrail'::regnamespace AND relkind IN ('r', 'p') \
                   AND NOT relispartition \
                   AND relname <> '__diesel_schema_migrations' AND col_description(c.oid, attnum) IS NULL";
    let mut unclear = texts(&client, columns).await;
    unclear.retain(|column| !CLEAR.contains(&column.split(' ').next().unwrap()));
    assert_eq!(unclear, [""; 0]);
}

#[tokio::test]
async fn text_is_compared_byte_by_byte() {
    let database = TestDatabase::create().await;
    // A person's name is the one text that is sorted for people.
    let other = "SELECT c.relname || '.' || attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid \
                 JOIN pg_collation l ON l.oid = attcollation \
                 WHERE relnamespace = 'veritrail'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0 \
                 AND relname <> '__diesel_schema_migrations' AND l.collname <> 'C'";
    assert_eq!(texts(&database.connect().await, other).await, ["entities.name"]);
}

#[tokio::test]
async fn every_key_begins_with_the_tenant() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    let first = "SELECT n.relname::text FROM pg_index i JOIN pg_class n ON n.oid = i.indexrelid \
                 JOIN pg_class c ON c.oid = i.indrelid \
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] \
                 WHERE c.relnamespace = 'veritrail'::regnamespace AND c.relname <> '__diesel_schema_migrations' \
                 AND a.attname <> 'tenant_id'";
    // Which tenants a role may use is asked by the role.
    assert_eq!(texts(&client, first).await, ["role_tenants_pkey"]);
    let keyless = "SELECT relname::text FROM pg_class c WHERE relnamespace = 'veritrail'::regnamespace \
                   AND relkind IN ('r', 'p') \
                   AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary)";
    assert_eq!(texts(&client, keyless).await, [""; 0]);
    let foreign = "SELECT conname::text FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid \
                   AND a.attnum = k.conkey[1] WHERE contype = 'f' \
                   AND connamespace = 'veritrail'::regnamespace AND a.attname <> 'tenant_id'";
    assert_eq!(texts(&client, foreign).await, [""; 0]);
}

#[tokio::test]
async fn append_only_tables_refuse_every_change() {
    let database = TestDatabase::create().await;
    let client = database.connect().await;
    let months = "SELECT c.relname::text FROM pg_partition_tree('veritrail.audit_log') \
                  JOIN pg_class AS c ON c.oid = relid WHERE isleaf";
    let months = texts(&client, months).await;
    assert_eq!(months.len(), 8, "the present month, six more and the default: {months:?}");
    let others =
        ["events", "merkle_tiles", "tree_heads", "checkpoints", "audit_log", "audit_index", "retirements"];
    for table in others.into_iter().chain(months.iter().map(String::as_str)) {
        let statements = [
            format!("UPDATE veritrail.{table} SET tenant_id = tenant_id"),
            format!("DELETE FROM veritrail.{table}"),
            format!("TRUNCATE veritrail.{table}"),
            format!("TRUNCATE veritrail.{table} CASCADE"),
        ];
        for sql in statements {
            let refused = client.batch_execute(&sql).await.unwrap_err();
            let refused = refused.as_db_error().unwrap_or_else(|| panic!("{sql}: {refused:?}"));
            assert_eq!(
                (refused.code().code(), refused.constraint()),
                ("VT001", Some("append_only")),
                "{sql}"
            );
            let verb = sql.split(' ').next().unwrap();
            assert_eq!(refused.message(), format!("{verb} on the append-only table veritrail.{table}"));
        }
    }
}
