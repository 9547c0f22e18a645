//! The three registers of the demo: where they are, how much they write, and the household that the demo follows.
//!
//! Not here: what happens in them (`world`) and to the household (`story`).

/// A tenant of the demo.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) tenant: &'static str,
    /// Lines of the tenant's file, whatever becomes of them.
    pub(super) lines: usize,
    pub(super) latitude: f64,
    pub(super) longitude: f64,
    /// The zone of those of its devices that do not write UTC.
    pub(super) zone_hours: i8,
    pub(super) villages: [&'static str; 5],
    /// The first characters of a telephone number.
    pub(super) phone: &'static str,
    /// The household that the demo follows. Constant, so that people can name it in what they try themselves.
    pub(super) household: &'static str,
    pub(super) family: &'static str,
}

pub(super) const PROFILES: [Profile; 3] = [
    Profile {
        tenant: "riverside",
        lines: 9_000,
        latitude: -1.286_389,
        longitude: 36.817_223,
        zone_hours: 3,
        villages: ["Old Ferry", "Reedbank", "Three Wells", "Weir End", "Willow Bend"],
        phone: "+254 7",
        household: "6f1d0c52-8a7e-4b39-9c1d-5e0a7f3b2d11",
        family: "Okafor",
    },
    Profile {
        tenant: "hillcrest",
        lines: 7_000,
        latitude: 27.717_245,
        longitude: 85.323_961,
        zone_hours: 6,
        villages: ["Bare Top", "Cold Spring", "High Terrace", "Saddle", "Stonefold"],
        phone: "+977 98",
        household: "c0a8e3b7-1f42-4d6e-a5b9-2d7c9e4f6a22",
        family: "Quispe",
    },
    Profile {
        tenant: "lakeshore",
        lines: 5_000,
        latitude: 12.136_389,
        longitude: -86.251_389,
        zone_hours: -6,
        villages: ["Fishers' Row", "Heron Point", "Lower Landing", "Saltings", "Two Islands"],
        phone: "+505 8",
        household: "93b4d6f8-5c27-4e81-b3a6-8f1e0d2c4b33",
        family: "Fernández",
    },
];
