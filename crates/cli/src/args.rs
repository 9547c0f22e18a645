//! The command line as `clap` reads it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use veritrail_store_pg::veritrail_core::{EntityGuid, EventGuid, LogName, Subject, TenantId, Timestamp};

/// A verifiable event store on PostgreSQL: submit, read, prove, verify and mirror.
#[derive(Parser)]
#[command(name = "veritrail", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Args)]
pub(crate) struct Global {
    /// PostgreSQL connection URL
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// Tenant whose log is meant
    #[arg(long, global = true, default_value = "default", value_name = "NAME")]
    pub(crate) tenant: TenantId,
    /// Print one JSON document or NDJSON on stdout
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print no progress and no summaries on stderr
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
}

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Bring the database's schema up
    Migrate(Migrate),
    /// Validate, apply and append events from NDJSON or a JSON array
    Submit(Submit),
    /// Read events behind a cursor
    Events(Events),
    /// Show the state of an entity, now or at an earlier time
    Entity(Entity),
    /// List every event of an entity
    Timeline(Timeline),
    /// Show the audit log, the newest entry first
    Audit(Audit),
    /// Recompute the whole log from its rows and name what is wrong
    Verify(Verify),
    /// Write a proof bundle of an event that can be checked offline
    Prove(Prove),
    /// Check a proof bundle offline
    Check(Check),
    /// Sign the newest tree head
    Checkpoint(Checkpoint),
    /// Make an Ed25519 signing key; its verifier key goes to stdout
    Keygen(Keygen),
    /// Copy another database's log, believing only what a trusted key has signed
    Mirror(Mirror),
    /// Serve HTTP: health checks in this version
    Serve(Serve),
    /// Print a completion script for a shell
    Completions(Completions),
}

#[derive(Args)]
pub(crate) struct Migrate {
    /// Only list the migrations and which of them the database has
    #[arg(long, conflicts_with = "revert")]
    pub(crate) status: bool,
    /// Revert all migrations: ALL DATA of Veritrail in the database is deleted; needs --yes
    #[arg(long)]
    pub(crate) revert: bool,
    /// Delete the data without asking again
    #[arg(long, requires = "revert")]
    pub(crate) yes: bool,
}

#[derive(Args)]
pub(crate) struct Submit {
    /// File of NDJSON or a JSON array of events; `-` for standard input
    pub(crate) file: PathBuf,
    /// Append without applying the events to their entities
    #[arg(long)]
    pub(crate) append_only: bool,
    /// Sign the new tree head with this key afterwards
    #[arg(long, env = "VERITRAIL_SIGNING_KEY", value_name = "FILE")]
    pub(crate) signing_key: Option<PathBuf>,
    /// Who submits; bound into every leaf
    #[arg(long, value_name = "NAME")]
    pub(crate) submitted_by: Option<Subject>,
}

#[derive(Args)]
pub(crate) struct Events {
    /// Only events behind this cursor
    #[arg(long, value_name = "CURSOR", default_value = "")]
    pub(crate) since: String,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// Only events of this entity
    #[arg(long, value_name = "GUID", conflicts_with_all = ["since", "from", "to"])]
    pub(crate) entity: Option<EntityGuid>,
    /// Only events that happened at or after this time, in order of time
    #[arg(long, value_name = "TIME", conflicts_with = "since")]
    pub(crate) from: Option<Timestamp>,
    /// Only events that happened before this time, in order of time
    #[arg(long, value_name = "TIME", conflicts_with = "since")]
    pub(crate) to: Option<Timestamp>,
}

#[derive(Args)]
pub(crate) struct Entity {
    /// The entity
    pub(crate) guid: EntityGuid,
    /// Its state at this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
    /// What `--at` counts by: when events happened, or when they were recorded
    #[arg(long, value_enum, default_value_t = Axis::Happened, requires = "at")]
    pub(crate) axis: Axis,
}

/// An axis of time.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Axis {
    /// The devices' clocks
    Happened,
    /// The server's stamps
    Recorded,
}

#[derive(Args)]
pub(crate) struct Timeline {
    /// The entity
    pub(crate) guid: EntityGuid,
}

#[derive(Args)]
pub(crate) struct Audit {
    /// Only what is recorded of this entity
    pub(crate) guid: Option<EntityGuid>,
    /// Only what was recorded after this time or cursor
    #[arg(long, value_name = "TIME", default_value = "", hide_default_value = true)]
    pub(crate) since: String,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

/// A log of the tenant's.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Log {
    /// Submitted events
    Events,
    /// Audit entries
    Audit,
}

impl From<Log> for LogName {
    fn from(log: Log) -> Self {
        match log {
            Log::Events => Self::Events,
            Log::Audit => Self::Audit,
        }
    }
}

#[derive(Args)]
pub(crate) struct Verify {
    /// The log
    #[arg(long, value_enum, default_value_t = Log::Events)]
    pub(crate) log: Log,
    /// Trusted verifier key, or a file that holds it; without one no signature is checked
    #[arg(long = "key", value_name = "VKEY")]
    pub(crate) keys: Vec<String>,
    /// Also check that the log continues this checkpoint, which was kept outside of the database
    #[arg(long, value_name = "FILE", requires = "keys")]
    pub(crate) since_checkpoint: Option<PathBuf>,
    /// Verifier key for audit entries, or a file that holds it: every entry must be signed by such a key
    #[arg(long = "entry-key", value_name = "KEY")]
    pub(crate) entry_keys: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Prove {
    /// The event
    pub(crate) guid: EventGuid,
    /// File to write, which must not exist; `-` for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct Check {
    /// The proof bundle; `-` for standard input
    pub(crate) file: PathBuf,
    /// Trusted verifier key, or a file that holds it
    #[arg(long = "key", value_name = "VKEY", required = true)]
    pub(crate) keys: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Checkpoint {
    /// The log
    #[arg(long, value_enum, default_value_t = Log::Events)]
    pub(crate) log: Log,
    /// The signing key
    #[arg(long, env = "VERITRAIL_SIGNING_KEY", value_name = "FILE")]
    pub(crate) signing_key: PathBuf,
    /// Take the newest published checkpoint as the signer's lost memory
    #[arg(long)]
    pub(crate) adopt: bool,
}

#[derive(Args)]
pub(crate) struct Keygen {
    /// Name of the key: who runs the logs that it signs, such as `example.org/registry`
    pub(crate) name: String,
    /// File to write; it must not exist
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Make a key that signs single audit entries instead of checkpoints
    #[arg(long)]
    pub(crate) entries: bool,
}

#[derive(Args)]
pub(crate) struct Mirror {
    /// Database of the origin; the variable keeps its password out of the list of processes
    #[arg(long, env = "VERITRAIL_MIRROR_FROM", hide_env_values = true, value_name = "URL")]
    pub(crate) from: String,
    /// Tenant at the origin, if it has another name there
    #[arg(long, value_name = "NAME")]
    pub(crate) from_tenant: Option<TenantId>,
    /// Trusted verifier key, or a file that holds it
    #[arg(long = "key", value_name = "VKEY", required = true)]
    pub(crate) keys: Vec<String>,
    /// Events of a page
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) page: u32,
    /// Stop after this many pages; the next run goes on from there
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    pub(crate) max_pages: u64,
}

#[derive(Args)]
pub(crate) struct Serve {
    /// Address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: std::net::SocketAddr,
    /// Serve nothing; ask the server at this URL whether it is ready
    #[arg(long, value_name = "URL", conflicts_with = "listen")]
    pub(crate) probe: Option<String>,
}

#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}
