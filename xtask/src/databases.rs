//! The databases that a run makes on a server, and the proof that none of them is left behind.
//!
//! Names are `veritrail_template_<token>` and `veritrail_test_<token>_…`; the role of an application, which tests take
//! on so that row-level security holds for them, is `veritrail_application_<token>`. A run holds an advisory lock on its token for
//! as long as it lives, so what a dead run has left on a server that is not ours to remove is told from a live one's.
//!
//! Not here: how a test gets its database (`tests/src/database.rs`).

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::cli_binary;
use crate::pg::url::ServerUrl;
use crate::shutdown::{self, Removal};
use crate::sql::Admin;

const TEMPLATE_PREFIX: &str = "veritrail_template_";
const TEST_PREFIX: &str = "veritrail_test_";
const ROLE_PREFIX: &str = "veritrail_application_";
/// Half of the key of every lock of ours, to keep clear of the locks of others.
const LOCK_CLASS: i32 = 0x5645_5249;

/// The databases of one token. Dropping it drops them all.
pub(crate) struct Databases {
    // Dropped first: the databases go while the lock is still held.
    _removal: Removal,
    admin: Admin,
    server: ServerUrl,
    token: String,
}

impl Databases {
    /// Drops what dead runs have left on the server, then takes a token of its own.
    pub(crate) fn claim(server: &ServerUrl) -> anyhow::Result<Self> {
        let admin = Admin::connect(server.as_str())?;
        sweep(&admin)?;
        let token = new_token()?;
        if !try_lock(&admin, &token)? {
            bail!("the token {token} is somebody else's");
        }
        let removal = {
            let (server, token) = (server.clone(), token.clone());
            shutdown::on_exit(move || {
                if let Err(error) = drop_all(&server, &token) {
                    eprintln!("cannot drop the databases of this run: {error:#}");
                }
            })
        };
        Ok(Self { _removal: removal, admin, server: server.clone(), token })
    }

    /// An empty database for a task of its own.
    pub(crate) fn create(&self, purpose: &str) -> anyhow::Result<ServerUrl> {
        self.create_named(&format!("{TEST_PREFIX}{}_{purpose}", self.token))
    }

    /// A migrated database that nobody can connect to, to be copied, by its name.
    pub(crate) fn create_template(&self, veritrail: &Path) -> anyhow::Result<String> {
        let name = format!("{TEMPLATE_PREFIX}{}", self.token);
        let url = self.create_named(&name)?;
        cli_binary::migrate(veritrail, &url).context("cannot migrate the template of the test databases")?;
        let role = format!("{ROLE_PREFIX}{}", self.token);
        self.admin.execute(&format!("CREATE ROLE {role}"))?;
        Admin::connect(url.as_str())?
            .execute(&format!("SELECT veritrail.grant_application('{role}')"))
            .with_context(|| format!("cannot grant {role} what an application needs"))?;
        // A session on the template would make every copy fail, so there can be none.
        self.admin.execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"))?;
        Ok(name)
    }

    fn create_named(&self, name: &str) -> anyhow::Result<ServerUrl> {
        let sql = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        self.admin.execute(&sql).with_context(|| format!("cannot create database {name}"))?;
        Ok(self.server.with_database(name))
    }

    /// The test databases that are there. When all tests have ended there should be none.
    pub(crate) fn left_behind(&self) -> anyhow::Result<Vec<String>> {
        names(&self.admin, &format!("{TEST_PREFIX}{}", self.token))
    }
}

/// Drops the databases of runs that are dead.
fn sweep(admin: &Admin) -> anyhow::Result<()> {
    for prefix in [TEST_PREFIX, TEMPLATE_PREFIX] {
        for name in names(admin, prefix)? {
            let Some(token) = token_of(&name, prefix) else { continue };
            if !try_lock(admin, token)? {
                continue;
            }
            eprintln!("dropping database {name}, whose run is dead");
            let dropped = drop_database(admin, &name);
            admin.text(&format!("SELECT pg_advisory_unlock({LOCK_CLASS}, {})", lock_key(token)))?;
            dropped?;
        }
    }
    for role in roles(admin, ROLE_PREFIX)? {
        let Some(token) = token_of(&role, ROLE_PREFIX) else { continue };
        if !try_lock(admin, token)? {
            continue;
        }
        let dropped = drop_role(admin, &role);
        admin.text(&format!("SELECT pg_advisory_unlock({LOCK_CLASS}, {})", lock_key(token)))?;
        dropped?;
    }
    Ok(())
}

fn drop_all(server: &ServerUrl, token: &str) -> anyhow::Result<()> {
    let admin = Admin::connect(server.as_str())?;
    for prefix in [TEST_PREFIX, TEMPLATE_PREFIX] {
        for name in names(&admin, &format!("{prefix}{token}"))? {
            drop_database(&admin, &name)?;
        }
    }
    for role in roles(&admin, &format!("{ROLE_PREFIX}{token}"))? {
        drop_role(&admin, &role)?;
    }
    Ok(())
}

fn drop_database(admin: &Admin, name: &str) -> anyhow::Result<()> {
    admin.execute(&format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", name.replace('"', "\"\"")))
}

fn names(admin: &Admin, prefix: &str) -> anyhow::Result<Vec<String>> {
    admin
        .column(&format!("SELECT datname FROM pg_database WHERE starts_with(datname, '{prefix}') ORDER BY 1"))
}

/// The roles of ours, and those that tests have made beside them with the same beginning.
fn roles(admin: &Admin, prefix: &str) -> anyhow::Result<Vec<String>> {
    admin.column(&format!("SELECT rolname FROM pg_roles WHERE starts_with(rolname, '{prefix}') ORDER BY 1"))
}

fn drop_role(admin: &Admin, name: &str) -> anyhow::Result<()> {
    admin.execute(&format!("DROP ROLE IF EXISTS \"{}\"", name.replace('"', "\"\"")))
}

fn try_lock(admin: &Admin, token: &str) -> anyhow::Result<bool> {
    Ok(admin.text(&format!("SELECT pg_try_advisory_lock({LOCK_CLASS}, {})", lock_key(token)))? == "t")
}

fn new_token() -> anyhow::Result<String> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(hex::encode(random))
}

/// The token in a name of ours; other names are left alone.
fn token_of<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(prefix)?;
    let token = rest.split_once('_').map_or(rest, |(token, _)| token);
    (token.len() == 8 && token.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(token)
}

fn lock_key(token: &str) -> i32 {
    u32::from_str_radix(token, 16).unwrap_or_default().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_read_from_our_names_alone() {
        assert_eq!(token_of("veritrail_test_0123abcd_7_1", TEST_PREFIX), Some("0123abcd"));
        assert_eq!(token_of("veritrail_template_ffffffff", TEMPLATE_PREFIX), Some("ffffffff"));
        assert_eq!(token_of("veritrail_test_mine", TEST_PREFIX), None);
        assert_eq!(token_of("veritrail_testing", TEST_PREFIX), None);
    }

    #[test]
    fn tokens_have_a_lock_each() {
        assert_eq!(lock_key("ffffffff"), -1);
        assert_eq!(lock_key("00000001"), 1);
        assert_eq!(
            token_of(&format!("{TEST_PREFIX}{}_1", new_token().unwrap()), TEST_PREFIX).unwrap().len(),
            8
        );
    }
}
