//! Connection URLs: of the servers that we make, and of other databases on a server that we are given.
//!
//! Not here: how a connection is made (`sql`).

use std::fmt::Write as _;
use std::path::Path;

/// The address of a server, with the database that an administrator connects to.
#[derive(Debug, Clone)]
pub(crate) struct ServerUrl(String);

/// Where a private server listens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Address<'a> {
    /// A folder with the socket of port 5432.
    Socket(&'a Path),
    /// A port of a host, with the password that it asks for.
    Tcp { host: &'a str, port: u16, password: &'a str },
}

impl ServerUrl {
    pub(crate) fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    pub(crate) fn of(user: &str, address: Address<'_>, database: &str) -> Self {
        let user = encode(user);
        let database = encode(database);
        Self(match address {
            Address::Socket(folder) => {
                format!("postgres://{user}@{}:5432/{database}", encode(&folder.to_string_lossy()))
            }
            Address::Tcp { host, port, password } => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
                format!("postgres://{user}:{}@{host}:{port}/{database}", encode(password))
            }
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The same server and user, another database.
    pub(crate) fn with_database(&self, database: &str) -> Self {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            // Of a list of `name=value`, the last value of a name holds.
            let quoted = database.replace('\\', "\\\\").replace('\'', "\\'");
            return Self(format!("{} dbname='{quoted}'", self.0));
        };
        let (before, parameters) = match rest.split_once('?') {
            Some((before, parameters)) => (before, format!("?{parameters}")),
            None => (rest, String::new()),
        };
        let server = before.split_once('/').map_or(before, |(server, _)| server);
        Self(format!("{scheme}://{server}/{}{parameters}", encode(database)))
    }
}

/// Percent-encodes everything that could end a part of a URL.
fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_folder_is_encoded_as_host() {
        let url = ServerUrl::of("veritrail", Address::Socket(Path::new("/a b/ü%")), "postgres");
        assert_eq!(url.as_str(), "postgres://veritrail@%2Fa%20b%2F%C3%BC%25:5432/postgres");
        let config: tokio_postgres::Config = url.as_str().parse().unwrap();
        assert_eq!(config.get_hosts(), [tokio_postgres::config::Host::Unix("/a b/ü%".into())]);
    }

    #[test]
    fn password_and_ipv6_host_survive() {
        let address = Address::Tcp { host: "::1", port: 1, password: "p@/:?" };
        let url = ServerUrl::of("u", address, "d");
        assert_eq!(url.as_str(), "postgres://u:p%40%2F%3A%3F@[::1]:1/d");
    }

    #[test]
    fn database_is_replaced_and_the_rest_kept() {
        for (given, expected) in [
            ("postgres://u:p@h:1/a", "postgres://u:p@h:1/b%20c"),
            ("postgresql://h", "postgresql://h/b%20c"),
            ("postgres://h/?sslmode=disable", "postgres://h/b%20c?sslmode=disable"),
            ("postgres://%2Fs/a?application_name=x/y", "postgres://%2Fs/b%20c?application_name=x/y"),
            ("host=h dbname=a", "host=h dbname=a dbname='b c'"),
        ] {
            assert_eq!(ServerUrl::new(given).with_database("b c").as_str(), expected);
        }
    }
}
