//! The demo's two databases, the store's and the replica's, beside whatever else the server has. They go with the demo.
//!
//! Not here: the server (`pg`), and what is in them (`veritrail migrate`).

use anyhow::Context as _;

use crate::pg::url::ServerUrl;
use crate::shutdown::{self, Removal};
use crate::sql::Admin;

/// Databases of one demo. Dropping it drops them.
pub(super) struct Databases {
    server: ServerUrl,
    token: String,
    removals: Vec<Removal>,
}

impl Databases {
    pub(super) fn of(server: &ServerUrl) -> anyhow::Result<Self> {
        let mut token = [0; 4];
        getrandom::fill(&mut token).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        Ok(Self { server: server.clone(), token: hex::encode(token), removals: Vec::new() })
    }

    /// The name of a database, which need not be there yet.
    pub(super) fn name(&self, what: &str) -> String {
        format!("veritrail_{what}_{}", self.token)
    }

    pub(super) fn url(&self, what: &str) -> ServerUrl {
        self.server.with_database(&self.name(what))
    }

    /// Makes a database with `statement`, which the caller may have shown.
    pub(super) fn create(&mut self, what: &str, statement: &str) -> anyhow::Result<()> {
        let (server, name) = (self.server.clone(), self.name(what));
        self.removals.push(shutdown::on_exit(move || {
            let dropped = Admin::connect(server.as_str())
                .and_then(|admin| admin.execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
            if let Err(error) = dropped {
                eprintln!("cannot drop the database {name}: {error:#}");
            }
        }));
        let created = Admin::connect(self.server.as_str())?.execute(statement);
        created.with_context(|| format!("cannot create the database {}", self.name(what)))
    }

    /// The statement that makes a database, whatever the server's default encoding is.
    pub(super) fn statement(&self, what: &str) -> String {
        format!("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", self.name(what))
    }

    /// A connection to one of the databases, for what the program would never do.
    pub(super) fn connect(&self, what: &str) -> anyhow::Result<Admin> {
        Admin::connect(self.url(what).as_str())
    }
}

/// A URL without its password, to be shown.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let Some((account, server)) = rest.split_once('@') else { return url.to_owned() };
    match account.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:***@{server}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_url_has_no_password() {
        assert_eq!(without_password("postgres://u:secret@h:1/d"), "postgres://u:***@h:1/d");
        assert_eq!(without_password("postgres://u@h/d"), "postgres://u@h/d");
        assert_eq!(without_password("postgres://h/d"), "postgres://h/d");
    }
}
