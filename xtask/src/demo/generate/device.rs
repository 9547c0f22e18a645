//! Devices: who holds them, how they are connected, and what is wrong with their clocks.
//!
//! Not here: what they write (`world`).

use super::event::{Context, Event, Metadata, Payload, Place};
use super::names::REASONS;
use super::random::Random;
use super::tenant::Profile;
use super::time::{DAY, Instant, MINUTE, SECOND};

/// The days from 2025 to 2099.
const DAYS_TO_2099: i64 = 27_028;

#[derive(Clone, Copy, Debug)]
enum Clock {
    Right,
    /// Runs ahead of everybody else's.
    Fast(i64),
    /// Was set to the year 2099 when the battery died.
    Year2099,
}

#[derive(Debug)]
pub(super) struct Device {
    name: &'static str,
    user: &'static str,
    app_version: &'static str,
    source: &'static str,
    network: &'static str,
    clock: Clock,
    /// How long it has been away from any network when its events arrive.
    offline: i64,
    /// Whether it writes the time of its zone instead of UTC.
    zoned: bool,
    /// How many of 100 visits are its own.
    share: usize,
}

const TABLET: Device = Device {
    name: "tablet-01",
    user: "user-grace.mwangi",
    app_version: "3.4.1",
    source: "mobile-app",
    network: "online",
    clock: Clock::Right,
    offline: 0,
    zoned: false,
    share: 30,
};

/// Bulk lists of the registry's office come from here.
pub(super) const OFFICE: Device = Device {
    name: "office-import",
    user: "user-registrar",
    app_version: "1.9.0",
    source: "import",
    share: 0,
    ..TABLET
};

const DEVICES: [Device; 7] = [
    TABLET,
    Device { name: "tablet-02", user: "user-daniel.reyes", share: 22, zoned: true, ..TABLET },
    Device { name: "tablet-03", user: "user-sunita.rai", share: 14, app_version: "3.3.7", ..TABLET },
    Device {
        name: "tablet-04",
        user: "user-ana.torres",
        share: 12,
        offline: 3 * DAY,
        network: "offline",
        ..TABLET
    },
    Device {
        name: "tablet-05",
        user: "user-peter.otieno",
        share: 8,
        clock: Clock::Fast(10 * MINUTE),
        ..TABLET
    },
    Device { name: "tablet-06", user: "user-maya.lama", share: 4, clock: Clock::Year2099, ..TABLET },
    Device {
        name: "portal",
        user: "user-registrar",
        share: 10,
        source: "web-portal",
        app_version: "2.0.4",
        ..TABLET
    },
];

impl Device {
    /// Whose turn it is.
    pub(super) fn choose(random: &mut Random) -> &'static Self {
        &DEVICES[random.weighted(&DEVICES.each_ref().map(|device| device.share))]
    }

    /// The device that follows the household of the demo.
    pub(super) fn of_story() -> &'static Self {
        &DEVICES[0]
    }
}

/// One stay of a device in the field: what it writes has one session and one correlation id.
#[derive(Debug)]
pub(super) struct Visit<'a> {
    profile: &'a Profile,
    device: &'a Device,
    session: String,
    correlation: String,
    reason: &'static str,
    /// The true time of the next event.
    at: i64,
    /// A list that is entered at once has one timestamp.
    at_once: bool,
}

impl<'a> Visit<'a> {
    pub(super) fn begin(random: &mut Random, profile: &'a Profile, device: &'a Device, arrival: i64) -> Self {
        Self {
            profile,
            device,
            session: format!("session-{:06}", random.below(1_000_000)),
            correlation: random.guid(),
            reason: random.pick(&REASONS),
            at: arrival - device.offline,
            at_once: device.source == "import" || random.chance(10),
        }
    }

    /// What the device can know of: what others have sent before it lost its connection.
    pub(super) fn knows_until(&self) -> i64 {
        self.at
    }

    pub(super) fn profile(&self) -> &'a Profile {
        self.profile
    }

    /// An event of this visit, a little later than the one before it.
    pub(super) fn event(
        &mut self,
        random: &mut Random,
        kind: &'static str,
        entity_guid: &str,
        data: Payload,
    ) -> Event {
        if !self.at_once {
            self.at += i64::from(random.between(20, 240)) * SECOND + i64::from(random.between(0, 999));
        }
        let located = self.device.source == "mobile-app";
        Event {
            guid: random.guid(),
            entity_guid: entity_guid.to_owned(),
            kind,
            data,
            timestamp: self.timestamp(),
            user_id: self.device.user.to_owned(),
            sync_level: 0,
            metadata: Metadata {
                device_id: format!("{}-{}", self.profile.tenant, self.device.name),
                app_version: self.device.app_version,
                location: located.then(|| place(random, self.profile)),
                network_status: self.device.network,
            },
            context: Context {
                reason: self.reason,
                source: self.device.source,
                session_id: self.session.clone(),
                correlation_id: self.correlation.clone(),
            },
        }
    }

    /// The present time by the device's clock.
    pub(super) fn timestamp(&self) -> Instant {
        let wrong = match self.device.clock {
            Clock::Right => 0,
            Clock::Fast(ahead) => ahead,
            Clock::Year2099 => DAYS_TO_2099 * DAY,
        };
        let zone_hours = if self.device.zoned { self.profile.zone_hours } else { 0 };
        Instant { millis: self.at + wrong, zone_hours }
    }
}

/// Somewhere in the tenant's district.
pub(super) fn place(random: &mut Random, profile: &Profile) -> Place {
    Place { latitude: random.near(profile.latitude, 0.2), longitude: random.near(profile.longitude, 0.2) }
}
