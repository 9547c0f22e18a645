//! The SQL schema of Veritrail as embedded migrations: what brings a database up, down, and says where it is.
//!
//! The migrations are the folders of `sql/`. The ledger of those that were applied is our own table in the
//! schema `veritrail`, never one that is shared with a host application. Queries are in `veritrail-store-pg`.

use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::result::QueryResult;
use diesel_async::{
    AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

/// All migrations, oldest first.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("sql");

/// The advisory lock that keeps two runs apart: the bytes of `veritrai`.
const MIGRATION_LOCK: i64 = i64::from_be_bytes(*b"veritrai");

/// One migration and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationState {
    /// The folder's name: a version and what it changes.
    pub name: String,
    /// Whether it has been applied.
    pub applied: bool,
}

/// Why a migration did not run.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No connection.
    #[error("cannot connect to the database")]
    Connect(#[source] diesel::ConnectionError),
    /// A statement around the migrations failed.
    #[error("cannot prepare the database for migrations")]
    Prepare(#[source] diesel::result::Error),
    /// The ledger could not be read.
    #[error("cannot read which migrations the database has")]
    Ledger(#[source] diesel::result::Error),
    /// A migration failed; it and those after it are not applied.
    #[error("a migration failed: {0}")]
    Migration(String),
}

/// Applies what is missing and returns the names of the migrations that were applied, oldest first.
///
/// Idempotent; several processes at once wait for each other. Needs a multi-thread tokio runtime.
///
/// # Errors
/// [`MigrateError`]: no connection, or a statement failed. What was applied before it stays.
pub async fn migrate(database_url: &str) -> Result<Vec<String>, MigrateError> {
    run(database_url, |harness| {
        let applied = harness.run_pending_migrations(MIGRATIONS)?;
        named(&applied)
    })
    .await
}

/// Reverts every migration, newest first: **all data of Veritrail in the database is gone**.
///
/// # Errors
/// As [`migrate`].
pub async fn revert_all(database_url: &str) -> Result<Vec<String>, MigrateError> {
    run(database_url, |harness| {
        let reverted = harness.revert_all_migrations(MIGRATIONS)?;
        named(&reverted)
    })
    .await
}

/// Lists the migrations, oldest first, and which of them the database has.
///
/// Reads alone: a database without the schema has none of them, and stays without it.
///
/// # Errors
/// [`MigrateError::Connect`], [`MigrateError::Ledger`].
pub async fn status(database_url: &str) -> Result<Vec<MigrationState>, MigrateError> {
    let mut connection = AsyncPgConnection::establish(database_url).await.map_err(MigrateError::Connect)?;
    let missing = pending(&mut connection).await.map_err(MigrateError::Ledger)?;
    let known = known().map_err(MigrateError::Ledger)?;
    let states = sorted_names(&known).into_iter().map(|name| {
        let applied = !missing.contains(&name);
        MigrationState { name, applied }
    });
    Ok(states.collect())
}

/// Names the migrations that the database of an open connection lacks, oldest first; none where its schema is current.
///
/// Reads alone, so that a role that may not migrate can ask. A database that is ahead of this crate lacks nothing.
///
/// # Errors
/// The connection is gone, or its role may not read the ledger.
pub async fn pending(connection: &mut AsyncPgConnection) -> QueryResult<Vec<String>> {
    // A name that is looked up is no error where the table is missing, which would spoil the caller's transaction.
    let found = "SELECT to_regclass('veritrail.__diesel_schema_migrations') IS NOT NULL AS found";
    let ledger: Found = diesel::sql_query(found).get_result(connection).await?;
    let applied: Vec<Applied> = if ledger.found {
        let versions = "SELECT version::text AS version FROM veritrail.__diesel_schema_migrations";
        diesel::sql_query(versions).load(connection).await?
    } else {
        Vec::new()
    };
    let mut missing = known()?;
    missing.retain(|migration| {
        let version = migration.name().version().to_string();
        !applied.iter().any(|row| row.version == version)
    });
    Ok(sorted_names(&missing))
}

#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    found: bool,
}

#[derive(diesel::QueryableByName)]
struct Applied {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

/// All migrations, in no order.
fn known() -> QueryResult<Vec<Box<dyn Migration<Pg>>>> {
    MIGRATIONS.migrations().map_err(diesel::result::Error::QueryBuilderError)
}

fn sorted_names(migrations: &[Box<dyn Migration<Pg>>]) -> Vec<String> {
    let mut names: Vec<String> = migrations.iter().map(|migration| migration.name().to_string()).collect();
    names.sort();
    names
}

/// The names of migrations that a harness names by version, in its order.
fn named(versions: &[MigrationVersion<'_>]) -> diesel::migration::Result<Vec<String>> {
    let known: Vec<Box<dyn Migration<Pg>>> = MIGRATIONS.migrations()?;
    let name = |version: &MigrationVersion<'_>| {
        let found = known.iter().find(|migration| migration.name().version() == *version);
        found.map_or_else(|| version.to_string(), |migration| migration.name().to_string())
    };
    Ok(versions.iter().map(name).collect())
}

type Harness = AsyncMigrationHarness<AsyncPgConnection>;

/// Runs `action` alone: under the lock, with our schema as the only one in the search path.
async fn run<T>(
    database_url: &str,
    action: impl FnOnce(&mut Harness) -> diesel::migration::Result<T>,
) -> Result<T, MigrateError> {
    let mut connection = AsyncPgConnection::establish(database_url).await.map_err(MigrateError::Connect)?;
    // The lock belongs to the connection and goes with it, also when the process dies.
    diesel::sql_query("SELECT pg_advisory_lock($1)")
        .bind::<diesel::sql_types::BigInt, _>(MIGRATION_LOCK)
        .execute(&mut connection)
        .await
        .map_err(MigrateError::Prepare)?;
    connection
        .batch_execute("CREATE SCHEMA IF NOT EXISTS veritrail; SET search_path = veritrail")
        .await
        .map_err(MigrateError::Prepare)?;
    let mut harness = AsyncMigrationHarness::new(connection);
    action(&mut harness).map_err(|error| MigrateError::Migration(error.to_string()))
}
