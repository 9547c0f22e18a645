//! A database for one test: a copy of the migrated template, dropped with the value, also when the test panics.
//!
//! `cargo xtask test` provides the server (`VERITRAIL_TEST_URL`) and the template (`VERITRAIL_TEST_TEMPLATE`), and fails
//! when a database of ours is left at its end.
//!
//! Not here: servers of a test's own (`server`).

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use tokio_postgres::{Client, NoTls};

const TEMPLATE_PREFIX: &str = "veritrail_template_";
const TEST_PREFIX: &str = "veritrail_test_";
const ROLE_PREFIX: &str = "veritrail_application_";

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A database that nobody else uses.
#[derive(Debug)]
pub struct TestDatabase {
    admin_url: String,
    token: String,
    name: String,
    url: String,
}

impl TestDatabase {
    /// A fresh copy of the template, which `veritrail migrate` has brought up.
    ///
    /// # Panics
    ///
    /// When there is no server to make it on.
    pub async fn create() -> Self {
        let admin_url = variable("VERITRAIL_TEST_URL");
        let template = variable("VERITRAIL_TEST_TEMPLATE");
        let token = template.strip_prefix(TEMPLATE_PREFIX).unwrap_or(&template).to_owned();
        Self::copy(admin_url, token, &template).await
    }

    /// A copy of this database as it is now. No session may be open on it.
    pub async fn duplicate(&self) -> Self {
        Self::copy(self.admin_url.clone(), self.token.clone(), &self.name).await
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its URL for an application: who connects by it takes on [`TestDatabase::application_role`], for which row-level
    /// security holds.
    #[must_use]
    pub fn application_url(&self) -> String {
        with_role(&self.url, &self.application_role())
    }

    /// A role that has what `veritrail.grant_application` grants and nothing else.
    #[must_use]
    pub fn application_role(&self) -> String {
        format!("{ROLE_PREFIX}{}", self.token)
    }

    /// A role that may log in, for this test alone, and the URL by which it does. `cargo xtask test` drops it.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub async fn login_role(&self, purpose: &str) -> (String, String) {
        let database = self.name.strip_prefix(TEST_PREFIX).unwrap_or(&self.name);
        let role = format!("{ROLE_PREFIX}{database}_{purpose}");
        let sql = format!("CREATE ROLE {role} LOGIN PASSWORD '{role}'");
        self.connect().await.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let url = with_user(&self.url, &role);
        (role, url)
    }

    /// A plain connection by a URL of this database's.
    pub async fn connect_to(&self, url: &str) -> Client {
        connect(url).await
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A plain connection to it, as the user that owns it.
    pub async fn connect(&self) -> Client {
        connect(&self.url).await
    }

    async fn copy(admin_url: String, token: String, source: &str) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{TEST_PREFIX}{token}_{}_{number}", std::process::id());
        let url = with_database(&admin_url, &name);
        // Dropped, and so its database with it, should the copy fail half-way.
        let database = Self { admin_url, token, name, url };
        let admin = connect(&database.admin_url).await;
        // Copying by way of the log needs no checkpoint, which all tests at once would queue for.
        let sql = format!("CREATE DATABASE {} TEMPLATE {source} STRATEGY WAL_LOG", database.name);
        admin.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        database
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // The test's own runtime may be ending or may be this thread's; a thread of its own depends on neither.
        let admin_url = self.admin_url.clone();
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let (client, connection) = tokio_postgres::connect(&admin_url, NoTls).await?;
                let connection = tokio::spawn(connection);
                client.batch_execute(&sql).await?;
                drop(client);
                connection.await??;
                anyhow::Ok(())
            })
        })
        .join();
        // A panic here would hide the one that ended the test; what is left is found at the end of the run.
        match dropped {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("cannot drop database {}: {error:#}", self.name),
            Err(_) => eprintln!("cannot drop database {}", self.name),
        }
    }
}

/// Connects to `url` and keeps the connection going on the current runtime.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .unwrap_or_else(|error| panic!("the server does not answer: {error:?}"));
    tokio::spawn(connection);
    client
}

/// The same server, another database. The name is one of ours, so nothing in it needs to be encoded.
pub(crate) fn with_database(url: &str, database: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return format!("{url} dbname={database}") };
    let (before, parameters) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
    let server = before.split('/').next().unwrap_or_default();
    format!("{scheme}://{server}/{database}{parameters}")
}

/// The same database, in a role that is taken on when a session begins.
fn with_role(url: &str, role: &str) -> String {
    if !url.contains("://") {
        return format!("{url} options='-c role={role}'");
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-c%20role%3D{role}")
}

/// The same database, as a user whose password is its name.
fn with_user(url: &str, user: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return format!("{url} user={user} password={user}");
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let host = &rest[rest[..end].rfind('@').map_or(0, |at| at + 1)..];
    format!("{scheme}://{user}:{user}@{host}")
}

fn variable(name: &str) -> String {
    env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`, which provides PostgreSQL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_is_replaced_and_parameters_are_kept() {
        assert_eq!(with_database("postgres://u@%2Fs:1/a?b=/c", "x"), "postgres://u@%2Fs:1/x?b=/c");
        assert_eq!(with_database("postgres://u@h", "x"), "postgres://u@h/x");
        assert_eq!(with_database("host=h", "x"), "host=h dbname=x");
    }

    #[test]
    fn user_is_replaced() {
        assert_eq!(with_user("postgres://u:p@%2Fs:1/x?a=b@c", "r"), "postgres://r:r@%2Fs:1/x?a=b@c");
        assert_eq!(with_user("postgres://h/x", "r"), "postgres://r:r@h/x");
        assert_eq!(with_user("host=h", "r"), "host=h user=r password=r");
    }

    #[test]
    fn role_is_one_parameter_more() {
        assert_eq!(with_role("postgres://u@h/x", "r"), "postgres://u@h/x?options=-c%20role%3Dr");
        assert_eq!(with_role("postgres://u@h/x?a=b", "r"), "postgres://u@h/x?a=b&options=-c%20role%3Dr");
        assert_eq!(with_role("host=h", "r"), "host=h options='-c role=r'");
    }
}
