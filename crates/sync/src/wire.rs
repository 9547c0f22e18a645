//! What server and client exchange as JSON.
//!
//! The HTTP around it is `veritrail-server`'s and `veritrail-client`'s. Names are in camel case; a client ignores
//! members that it does not know, so that a server may grow.

use serde::{Deserialize, Serialize};

/// The answer of `GET /health/ready`: whether the server can do its work now, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// The verdict: what a load balancer needs.
    pub status: HealthStatus,
    /// What is known of the database: what an operator needs.
    pub database: DatabaseHealth,
}

/// Whether a server can do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HealthStatus {
    /// It can. The HTTP status is 200.
    Ready,
    /// It cannot. The HTTP status is 503.
    Unready,
}

/// What a server knows of its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DatabaseHealth {
    /// It answers and has every migration that the server knows.
    Ready,
    /// No connection could be had in time.
    Unreachable,
    /// It answers, and a migration that the server needs is missing.
    NotMigrated,
    /// It answers, and a statement failed.
    Failing,
}

impl Health {
    /// The health of a server with this database.
    #[must_use]
    pub fn of(database: DatabaseHealth) -> Self {
        let status = match database {
            DatabaseHealth::Ready => HealthStatus::Ready,
            DatabaseHealth::Unreachable | DatabaseHealth::NotMigrated | DatabaseHealth::Failing => {
                HealthStatus::Unready
            }
        };
        Self { status, database }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_written_in_camel_case_and_read_back() {
        let unready = Health::of(DatabaseHealth::NotMigrated);
        let text = r#"{"status":"unready","database":"notMigrated"}"#;
        assert_eq!(serde_json::to_string(&unready).unwrap(), text);
        assert_eq!(serde_json::from_str::<Health>(text).unwrap(), unready);
        let newer = r#"{"status":"ready","database":"ready","signer":"ready"}"#;
        assert_eq!(serde_json::from_str::<Health>(newer).unwrap(), Health::of(DatabaseHealth::Ready));
    }
}
