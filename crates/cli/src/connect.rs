//! From arguments to a store, keys and files.

use std::path::Path;

use anyhow::Context;
use veritrail_store_pg::veritrail_core::{AuditVerifierKey, TenantId};
use veritrail_store_pg::veritrail_merkle::note::VerifierKey;
use veritrail_store_pg::{PgEventStore, Session};

use crate::args::Global;
use crate::outcome::usage;

/// Largest key or checkpoint file that is read.
const MAX_SMALL_FILE: u64 = 1 << 20;

/// The database's URL.
pub(crate) fn database_url(global: &Global) -> anyhow::Result<&str> {
    let url = global.database_url.as_deref().filter(|url| !url.is_empty());
    url.ok_or_else(|| usage("no database: give --database-url or set DATABASE_URL"))
}

/// The tenant's store.
pub(crate) fn store(global: &Global) -> anyhow::Result<PgEventStore> {
    store_at(database_url(global)?, &global.tenant)
}

/// A tenant's store at a URL.
pub(crate) fn store_at(url: &str, tenant: &TenantId) -> anyhow::Result<PgEventStore> {
    Ok(PgEventStore::from_url(url)?.with_tenant(tenant.clone()))
}

/// A session on a database that has the schema.
pub(crate) async fn session(store: &PgEventStore) -> anyhow::Result<Session<'_>> {
    let mut session = store.session().await?;
    session.check_schema().await?;
    Ok(session)
}

/// Trusted keys: each argument is a verifier key or a file that holds one.
pub(crate) fn verifier_keys(arguments: &[String]) -> anyhow::Result<Vec<VerifierKey>> {
    arguments.iter().map(|argument| verifier_key(argument)).collect()
}

fn verifier_key(argument: &str) -> anyhow::Result<VerifierKey> {
    if let Ok(key) = argument.parse() {
        return Ok(key);
    }
    let path = Path::new(argument);
    if !path.is_file() {
        return Err(usage(format!("`{argument}` is neither a verifier key (name+hash+base64) nor a file")));
    }
    let text = read_small(path)?;
    text.trim().parse().map_err(|error| usage(format!("`{argument}` holds no verifier key: {error}")))
}

/// Keys of audit entries: each argument is a verifier key or a file that holds one.
pub(crate) fn audit_keys(arguments: &[String]) -> anyhow::Result<Vec<AuditVerifierKey>> {
    let one = |argument: &String| match argument.parse() {
        Ok(key) => Ok(key),
        Err(error) if !Path::new(argument).is_file() => Err(usage(format!(
            "`{argument}` is neither a verifier key for audit entries nor a file: {error}"
        ))),
        Err(_) => {
            let text = read_small(Path::new(argument))?;
            text.trim().parse().map_err(|error| usage(format!("`{argument}` holds no verifier key: {error}")))
        }
    };
    arguments.iter().map(one).collect()
}

/// Reads a small text file.
pub(crate) fn read_small(path: &Path) -> anyhow::Result<String> {
    let size =
        std::fs::metadata(path).map_err(|error| usage(format!("cannot read {}: {error}", path.display())))?;
    if size.len() > MAX_SMALL_FILE {
        return Err(usage(format!("{} has more than {MAX_SMALL_FILE} bytes", path.display())));
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
