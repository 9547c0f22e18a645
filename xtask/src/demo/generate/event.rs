//! A form submission as a device writes it: the members and their order in a line.
//!
//! Not here: what is written wrongly on purpose (`bad`).

use serde::Serialize;

use super::time::Instant;

/// One form submission.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    pub(super) guid: String,
    pub(super) entity_guid: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) data: Payload,
    pub(super) timestamp: Instant,
    pub(super) user_id: String,
    pub(super) sync_level: u8,
    pub(super) metadata: Metadata,
    pub(super) context: Context,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Payload {
    Person(Person),
    Household(Box<Household>),
    Change(Change),
    Members {
        members: Vec<Member>,
    },
    #[serde(rename_all = "camelCase")]
    Departure {
        member_id: String,
        reason: &'static str,
    },
    End {
        reason: &'static str,
    },
    #[serde(rename_all = "camelCase")]
    Duplicates {
        duplicates: [Pair; 1],
        should_delete: bool,
    },
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) birth_date: String,
    pub(super) sex: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phone: Option<String>,
    pub(super) income: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<Place>,
}

/// Someone in a group's list: a person who is registered with it, or the guid alone of one who is already.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Member {
    pub(super) guid: String,
    #[serde(flatten)]
    pub(super) person: Option<Person>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Household {
    pub(super) name: String,
    pub(super) village: &'static str,
    pub(super) address: String,
    pub(super) income: u32,
    pub(super) location: Place,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) members: Vec<Member>,
}

/// What an update says anew.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) income: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<Place>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pair {
    pub(super) entity_guid: String,
    pub(super) duplicate_guid: String,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Place {
    pub(super) latitude: f64,
    pub(super) longitude: f64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) device_id: String,
    pub(super) app_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<Place>,
    pub(super) network_status: &'static str,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Context {
    pub(super) reason: &'static str,
    pub(super) source: &'static str,
    pub(super) session_id: String,
    pub(super) correlation_id: String,
}
