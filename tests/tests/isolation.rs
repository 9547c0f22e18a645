//! Tenants apart: what an application sees, changes and learns of a tenant that it has not set, by every operation and
//! by SQL of its own, for every table, view and partition that there is.
//!
//! Not here: which plans row-level security leaves possible (`plans`).

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use veritrail_core::TenantId;
use veritrail_store_pg::{AccessError, HistoryError, PgEventStore};
use veritrail_tests::database::TestDatabase;
use veritrail_tests::every_operation::{EVENTS, Operation, Stage};
use veritrail_tests::sample::{entity_guid, individuals, store, submit};

/// Tables and partitioned tables of ours that hold rows of tenants; partitions are reached through theirs.
const TENANT_TABLES: &str = "
    SELECT c.relname::text FROM pg_class c
    WHERE c.relnamespace = 'veritrail'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND c.relname <> 'role_tenants'
        AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')
    ORDER BY 1";
const VIEWS: &str = "
    SELECT c.relname::text FROM pg_class c
    WHERE c.relnamespace = 'veritrail'::regnamespace AND c.relkind IN ('v', 'm') ORDER BY 1";
const OWN_TABLES: &str = "
    CREATE TABLE veritrail.later (tenant_id text NOT NULL, n integer, PRIMARY KEY (tenant_id, n));
    CREATE TABLE veritrail.monthly (tenant_id text NOT NULL, n integer, PRIMARY KEY (tenant_id, n)) PARTITION BY RANGE (n);
    CREATE TABLE veritrail.monthly_1 PARTITION OF veritrail.monthly FOR VALUES FROM (0) TO (10);
    SELECT veritrail.isolate('veritrail.later', 'SELECT', 'INSERT', 'UPDATE', 'DELETE');
    SELECT veritrail.isolate('veritrail.monthly', 'SELECT', 'INSERT');
    CREATE TABLE veritrail.monthly_2 PARTITION OF veritrail.monthly FOR VALUES FROM (10) TO (20);
    CREATE VIEW veritrail.later_view WITH (security_invoker = true) AS SELECT * FROM veritrail.later;
    SELECT veritrail.renew_grants();
    INSERT INTO veritrail.later SELECT t, n FROM (VALUES ('a'), ('b')) AS t (t), generate_series(1, 3) AS n;
    INSERT INTO veritrail.monthly SELECT t, n FROM (VALUES ('a'), ('b')) AS t (t), generate_series(9, 10) AS n";

async fn texts(client: &Client, sql: &str) -> Vec<String> {
    let rows = client.query(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

/// The SQLSTATE of a statement that must fail.
async fn refusal(client: &Client, sql: &str) -> String {
    let error = client.batch_execute(sql).await.expect_err(sql);
    error.code().unwrap_or_else(|| panic!("{sql}: {error:?}")).code().to_owned()
}

async fn number(client: &Client, sql: &str) -> i64 {
    let row = client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    row.get(0)
}

/// A database in which the tenants `a` and `b` have the same rows, and tables that came after the grants.
async fn two_tenants() -> (TestDatabase, Stage) {
    let database = TestDatabase::create().await;
    let stage = Stage::set(&database).await;
    let client = database.connect().await;
    client.batch_execute("SET session_replication_role = replica").await.unwrap();
    for table in texts(&client, TENANT_TABLES).await {
        let copy = format!(
            "INSERT INTO veritrail.{table} SELECT (jsonb_populate_record(t, '{{\"tenant_id\": \"b\"}}')).* \
             FROM veritrail.{table} t WHERE tenant_id = 'a'"
        );
        client.batch_execute(&copy).await.unwrap();
    }
    client.batch_execute(OWN_TABLES).await.unwrap();
    (database, stage)
}

async fn application(database: &TestDatabase, tenant: &str) -> Client {
    let client = database.connect().await;
    let role = database.application_role();
    client
        .batch_execute(&format!("SET SESSION AUTHORIZATION {role}; SET veritrail.tenant_id = '{tenant}'"))
        .await
        .unwrap();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_with_a_tenant_is_isolated_and_no_partition_is_granted() {
    let (database, _stage) = two_tenants().await;
    let client = database.connect().await;
    let open = format!(
        "SELECT relname::text FROM ({TENANT_TABLES}) AS tables JOIN pg_class c USING (relname) \
         WHERE c.relnamespace = 'veritrail'::regnamespace AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
    );
    assert_eq!(texts(&client, &open.replace("c.relname::text FROM", "c.relname FROM")).await, [""; 0]);
    assert!(texts(&client, TENANT_TABLES).await.len() >= 10);
    // A policy that compares in another way would be another rule.
    let rules = "SELECT DISTINCT coalesce(qual, with_check) FROM pg_policies WHERE schemaname = 'veritrail'";
    let rules = texts(&client, rules).await;
    assert_eq!(rules.len(), 1, "{rules:?}");
    let views = "SELECT relname::text FROM pg_class WHERE relnamespace = 'veritrail'::regnamespace \
                 AND (relkind = 'm' OR relkind = 'v' AND NOT 'security_invoker=true' = ANY (coalesce(reloptions, '{}')))";
    assert_eq!(texts(&client, views).await, [""; 0]);
    let partitions = "SELECT relname::text FROM pg_class WHERE relnamespace = 'veritrail'::regnamespace \
                      AND relispartition AND relkind IN ('r', 'p')";
    assert!(texts(&client, partitions).await.len() >= 2);
    let closed = format!("{partitions} UNION SELECT 'role_tenants'");
    let role = database.application_role();
    for table in texts(&client, &closed).await {
        for privilege in ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"] {
            let sql = format!(
                "SELECT has_table_privilege('{role}', 'veritrail.{table}', '{privilege}') \
                 OR has_table_privilege('public', 'veritrail.{table}', '{privilege}')"
            );
            let granted: bool = client.query_one(&sql, &[]).await.unwrap().get(0);
            assert!(!granted, "{privilege} on {table}");
        }
    }
    let application = application(&database, "a").await;
    assert_eq!(refusal(&application, "TABLE veritrail.monthly_1").await, "42501");
    assert_eq!(number(&application, "SELECT count(*) FROM veritrail.monthly").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_reads_the_rows_of_its_tenant_alone() {
    let (database, _stage) = two_tenants().await;
    let superuser = database.connect().await;
    let application = application(&database, "a").await;
    let mut relations = texts(&superuser, TENANT_TABLES).await;
    relations.extend(texts(&superuser, VIEWS).await);
    for relation in relations {
        let count = format!("SELECT count(*) FROM veritrail.{relation}");
        let of_a = number(&superuser, &format!("{count} WHERE tenant_id = 'a'")).await;
        let of_b = number(&superuser, &format!("{count} WHERE tenant_id = 'b'")).await;
        application.batch_execute("SET veritrail.tenant_id = 'a'").await.unwrap();
        assert_eq!(number(&application, &count).await, of_a, "{relation}");
        for asked in [
            format!("{count} WHERE tenant_id = 'b'"),
            format!("{count} WHERE tenant_id <> 'a'"),
            format!("{count} WHERE tenant_id = 'b' OR true AND tenant_id <> 'a'"),
        ] {
            assert_eq!(number(&application, &asked).await, 0, "{asked}");
        }
        application.batch_execute("SET veritrail.tenant_id = 'b'").await.unwrap();
        assert_eq!(number(&application, &count).await, of_b, "{relation}");
        // Without rows nothing is compared, and nothing is told either.
        if of_a + of_b == 0 {
            continue;
        }
        for unset in ["RESET veritrail.tenant_id", "SET veritrail.tenant_id = ''"] {
            application.batch_execute(unset).await.unwrap();
            assert_eq!(refusal(&application, &count).await, "VT003", "{relation}, {unset}");
            let copy = format!("COPY (SELECT * FROM veritrail.{relation}) TO STDOUT");
            assert_eq!(copied(&application, &copy).await, Err("VT003".to_owned()));
        }
        application.batch_execute("SET veritrail.tenant_id = 'a'").await.unwrap();
        let copy = format!("COPY (SELECT tenant_id FROM veritrail.{relation}) TO STDOUT");
        let lines = copied(&application, &copy).await.unwrap();
        assert!(lines.lines().all(|line| line == "a") && lines.lines().count() > 0, "{relation}");
    }
    let filled = number(&superuser, "SELECT count(*) FROM veritrail.events WHERE tenant_id = 'b'").await;
    assert_eq!(filled, i64::try_from(EVENTS).unwrap());
}

async fn copied(client: &Client, sql: &str) -> Result<String, String> {
    use futures_util::TryStreamExt;

    let state =
        |error: tokio_postgres::Error| error.code().map_or_else(String::new, |code| code.code().to_owned());
    let stream = client.copy_out(sql).await.map_err(state)?;
    let parts: Vec<_> = stream.try_collect().await.map_err(state)?;
    Ok(String::from_utf8(parts.concat()).unwrap())
}

/// Everything of a tenant's, as one hash a table.
async fn fingerprint(superuser: &Client, tenant: &str) -> Vec<String> {
    let mut found = Vec::new();
    for table in texts(superuser, TENANT_TABLES).await {
        let sql = format!(
            "SELECT '{table} ' || count(*) || ' ' || coalesce(md5(string_agg(t::text, '' ORDER BY t::text)), '') \
             FROM veritrail.{table} t WHERE tenant_id = '{tenant}'"
        );
        found.extend(texts(superuser, &sql).await);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_changes_nothing_of_another_tenant() {
    let (database, _stage) = two_tenants().await;
    let superuser = database.connect().await;
    let before = fingerprint(&superuser, "b").await;
    let application = application(&database, "a").await;
    let mut tables = texts(&superuser, TENANT_TABLES).await;
    tables.extend(["monthly_1", "role_tenants"].map(str::to_owned));
    for table in &tables {
        let statements = [
            format!("UPDATE veritrail.{table} SET tenant_id = 'a' WHERE tenant_id = 'b'"),
            format!("UPDATE veritrail.{table} SET tenant_id = 'b'"),
            format!("DELETE FROM veritrail.{table} WHERE tenant_id = 'b'"),
            format!("DELETE FROM veritrail.{table} WHERE tenant_id <> 'a' RETURNING *"),
            format!("SELECT * FROM veritrail.{table} WHERE tenant_id = 'b' FOR UPDATE"),
        ];
        for sql in statements {
            // Refused, or done to no row.
            if let Ok(rows) = application.execute(&sql, &[]).await {
                assert_eq!(rows, 0, "{sql}");
            }
        }
        assert_eq!(refusal(&application, &format!("TRUNCATE veritrail.{table}")).await, "42501");
        let alter = format!("ALTER TABLE veritrail.{table} DISABLE ROW LEVEL SECURITY");
        assert_eq!(refusal(&application, &alter).await, "42501");
    }
    for table in texts(&superuser, TENANT_TABLES).await {
        let foreign = format!(
            "INSERT INTO veritrail.{table} SELECT (jsonb_populate_record(t, '{{\"tenant_id\": \"b\"}}')).* \
             FROM veritrail.{table} t LIMIT 1"
        );
        let rows = number(&superuser, &format!("SELECT count(*) FROM veritrail.{table}")).await;
        if rows > 0 {
            assert_eq!(refusal(&application, &foreign).await, "42501", "{table}");
        }
    }
    assert_eq!(fingerprint(&superuser, "b").await, before);
}

/// What its own tenant has is an application's to append to, not to change.
#[tokio::test(flavor = "multi_thread")]
async fn an_application_cannot_rewrite_the_log_of_its_own_tenant() {
    let (database, _stage) = two_tenants().await;
    let application = application(&database, "a").await;
    for table in ["events", "merkle_tiles", "tree_heads", "checkpoints", "entity_events"] {
        for sql in [
            format!("UPDATE veritrail.{table} SET tenant_id = 'a'"),
            format!("DELETE FROM veritrail.{table}"),
        ] {
            assert_eq!(refusal(&application, &sql).await, "42501", "{sql}");
        }
    }
    assert_eq!(refusal(&application, "DELETE FROM veritrail.logs").await, "42501");
    assert_eq!(refusal(&application, "UPDATE veritrail.logs SET epoch = 2").await, "42501");
    // A log may be locked, for which a right on one column is needed; that column cannot be changed with it either.
    application.batch_execute("SELECT * FROM veritrail.logs FOR NO KEY UPDATE").await.unwrap();
    assert_eq!(refusal(&application, "UPDATE veritrail.logs SET tenant_id = 'a'").await, "VT001");
    let superuser = database.connect().await;
    superuser.batch_execute("ALTER TABLE veritrail.logs DISABLE TRIGGER refuse_change").await.unwrap();
    assert_eq!(refusal(&application, "UPDATE veritrail.logs SET tenant_id = 'a'").await, "42501");
    // Nor can it make rules or grants of its own.
    for sql in [
        "CREATE POLICY mine ON veritrail.events USING (true)",
        "CREATE TABLE veritrail.mine (n integer)",
        "SELECT veritrail.isolate('veritrail.events', 'UPDATE')",
        "SELECT veritrail.grant_application(current_user::regrole)",
        "SELECT veritrail.bind_role(current_user::regrole, 'b')",
        "SELECT veritrail.renew_grants()",
        "SET session_replication_role = replica",
    ] {
        assert_eq!(refusal(&application, sql).await, "42501", "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_of_a_stranger_finds_what_it_finds_where_nothing_is() {
    let (database, stage) = two_tenants().await;
    let empty = TestDatabase::create().await;
    for operation in Operation::ALL {
        // The mirror reads its origin by another session, of the origin's tenant.
        if operation == Operation::Mirror {
            continue;
        }
        let stranger = store(&database, "stranger");
        let nobody = store(&empty, "stranger");
        let here = stage.perform(operation, &mut stranger.session().await.unwrap()).await;
        let there = stage.perform(operation, &mut nobody.session().await.unwrap()).await;
        let told = |answer: anyhow::Result<String>| match answer {
            Ok(text) => text,
            Err(error) => format!("{error:#}"),
        };
        let (here, there) = (told(here), told(there));
        // An answer of an empty log's own identity differs by chance alone.
        assert!(here == there || operation == Operation::Publish, "{operation:?}: {here}, {there}");
    }
    assert_eq!(fingerprint(&database.connect().await, "stranger").await.len(), 17);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_bound_uses_its_tenants_alone() {
    let (database, stage) = two_tenants().await;
    let superuser = database.connect().await;
    let (bound, bound_url) = database.login_role("bound").await;
    let (free, free_url) = database.login_role("free").await;
    let sql = format!(
        "SELECT veritrail.grant_application('{bound}'), veritrail.grant_application('{free}'), \
             veritrail.bind_role('{bound}', 'a'), veritrail.bind_role('{bound}', 'a'); \
         GRANT {free} TO {bound}"
    );
    superuser.batch_execute(&sql).await.unwrap();
    let client = database.connect_to(&bound_url).await;
    let count = "SELECT count(*) FROM veritrail.events";
    assert_eq!(refusal(&client, count).await, "VT003");
    for local in ["SET", "SET SESSION"] {
        client.batch_execute(&format!("{local} veritrail.tenant_id = 'b'")).await.unwrap();
        assert_eq!(refusal(&client, count).await, "VT004");
        let insert = "INSERT INTO veritrail.later VALUES ('b', 77)";
        assert_eq!(refusal(&client, insert).await, "VT004");
    }
    client.batch_execute("SET veritrail.tenant_id = 'a'").await.unwrap();
    assert_eq!(number(&client, count).await, i64::try_from(EVENTS).unwrap());
    // Another role lends it no other tenant, whoever has logged in.
    client.batch_execute(&format!("SET ROLE {free}; SET veritrail.tenant_id = 'b'")).await.unwrap();
    assert_eq!(refusal(&client, count).await, "VT004");
    let other = texts(&superuser, "SELECT 'SET SESSION AUTHORIZATION ' || quote_ident(current_user)").await;
    assert_eq!(refusal(&client, &other[0]).await, "42501");
    superuser.batch_execute(&format!("REVOKE {free} FROM {bound}; GRANT {bound} TO {free}")).await.unwrap();
    let client = database.connect_to(&free_url).await;
    client.batch_execute("SET veritrail.tenant_id = 'b'").await.unwrap();
    assert_eq!(number(&client, count).await, i64::try_from(EVENTS).unwrap());
    client.batch_execute(&format!("SET ROLE {bound}")).await.unwrap();
    assert_eq!(refusal(&client, count).await, "VT004");

    // By the store: its own tenant, and a typed refusal for every operation on another.
    let of = |tenant: &str| {
        let tenant = TenantId::new(tenant).unwrap();
        PgEventStore::from_url(&bound_url).unwrap().with_tenant(tenant)
    };
    submit(&mut of("a").session().await.unwrap(), &individuals(5_000, 1)).await;
    let mut foreign = of("b");
    for operation in Operation::ALL {
        if operation == Operation::Mirror {
            foreign = of("replica");
        }
        let answer = stage.perform(operation, &mut foreign.session().await.unwrap()).await;
        if operation == Operation::CheckSchema {
            answer.unwrap();
            continue;
        }
        let error = answer.expect_err("a refusal");
        let refused = error.chain().any(|cause| {
            matches!(cause.downcast_ref::<AccessError>(), Some(AccessError::TenantRefused(_)))
                || cause.to_string().contains("may not use the tenant")
        });
        assert!(refused, "{operation:?}: {error:#}");
    }
    let refused = of("b").session().await.unwrap().entity(&entity_guid("group")).await;
    assert!(matches!(refused, Err(HistoryError::Access(AccessError::TenantRefused(_)))), "{refused:?}");

    // A binding follows the role when it gets another name.
    superuser.batch_execute(&format!("ALTER ROLE {bound} RENAME TO {bound}_renamed")).await.unwrap();
    let renamed = database.connect().await;
    let sql = format!("SET SESSION AUTHORIZATION {bound}_renamed; SET veritrail.tenant_id = 'b'");
    renamed.batch_execute(&sql).await.unwrap();
    assert_eq!(refusal(&renamed, count).await, "VT004");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_granted_what_it_needs_and_nothing_twice() {
    let database = TestDatabase::create().await;
    let superuser = database.connect().await;
    let role = database.application_role();
    let granted = format!(
        "SELECT g.privilege_type || ' on ' || c.relname FROM pg_class c \
         CROSS JOIN LATERAL aclexplode(c.relacl) g \
         WHERE c.relnamespace = 'veritrail'::regnamespace AND g.grantee = '{role}'::regrole ORDER BY 1"
    );
    let before = texts(&superuser, &granted).await;
    for absent in
        ["DELETE on events", "UPDATE on events", "UPDATE on logs", "DELETE on entity_events", "TRUNCATE"]
    {
        assert!(before.iter().all(|grant| !grant.starts_with(absent)), "{absent}");
    }
    for present in [
        "SELECT on events",
        "INSERT on checkpoints",
        "UPDATE on entities",
        "DELETE on entities",
        "DELETE on entity_members",
    ] {
        assert!(before.iter().any(|grant| grant == present), "{present}: {before:?}");
    }
    superuser.batch_execute(&format!("SELECT veritrail.grant_application('{role}')")).await.unwrap();
    assert_eq!(texts(&superuser, &granted).await, before);
    let refused = superuser
        .batch_execute("SELECT veritrail.grant_application(current_user::regrole)")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some(&SqlState::INVALID_PARAMETER_VALUE));
    let unknown = "SELECT veritrail.isolate('veritrail.events', 'TRUNCATE')";
    assert_eq!(refusal(&superuser, unknown).await, "22023");
}
