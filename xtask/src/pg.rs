//! Finds or makes a PostgreSQL server for a task, in four ways, in this order: `DATABASE_URL`, a container, server
//! binaries of this machine, the distribution's packages unpacked. `VERITRAIL_PG` forces one.
//!
//! Not here: the cluster that a developer keeps (`db`), and databases on a server (`databases`).

pub(crate) mod account;
pub(crate) mod binaries;
pub(crate) mod cluster;
pub(crate) mod container;
pub(crate) mod unpacked;
pub(crate) mod url;

use std::env;
use std::fmt;

use anyhow::{Context as _, bail};

use crate::run::Run;
use crate::sql::Admin;
use crate::workspace::Workspace;
use binaries::Binaries;
use cluster::Cluster;
use url::ServerUrl;

/// The oldest PostgreSQL that is supported, as `server_version_num` counts.
const OLDEST_VERSION: u32 = 150_000;
/// The settings of every server that we start; tests, each with its pool, need many connections.
const MAX_CONNECTIONS: u32 = 200;
/// What is off where nothing has to survive a power cut.
const FAST_SETTINGS: [&str; 3] = ["fsync", "synchronous_commit", "full_page_writes"];

/// What a server promises when it acknowledges a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Nothing survives a power cut. For tests alone: no figure is ever taken with it.
    Fast,
    /// PostgreSQL's own defaults: what is acknowledged is on disk.
    Durable,
}

impl Profile {
    /// The settings as names and values.
    pub(crate) fn settings(self) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("max_connections", MAX_CONNECTIONS.to_string()),
            ("jit", "off".to_owned()),
            ("timezone", "UTC".to_owned()),
            ("log_timezone", "UTC".to_owned()),
        ];
        if self == Self::Fast {
            settings.extend(FAST_SETTINGS.map(|name| (name, "off".to_owned())));
        }
        settings
    }
}

/// A way to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Url,
    Container,
    Local,
    Unpacked,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Url, Self::Container, Self::Local, Self::Unpacked];

    /// The way that `VERITRAIL_PG` forces.
    pub(crate) fn forced() -> anyhow::Result<Option<Self>> {
        match env::var("VERITRAIL_PG") {
            Ok(value) => Self::parse(&value).map(Some),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(error) => Err(error).context("VERITRAIL_PG"),
        }
    }

    fn parse(value: &str) -> anyhow::Result<Self> {
        let way = Self::ALL.into_iter().find(|way| way.name() == value);
        way.with_context(|| format!("VERITRAIL_PG is `{value}`; it can be url, container, local or unpacked"))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Container => "container",
            Self::Local => "local",
            Self::Unpacked => "unpacked",
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Url => "a server of yours, named by DATABASE_URL",
            Self::Container => "a container (image from VERITRAIL_PG_IMAGE, default postgres:17)",
            Self::Local => "server binaries of this machine (PG_BIN, PATH, /usr/lib/postgresql, Homebrew)",
            Self::Unpacked => "the packages of Debian or Ubuntu, unpacked without installing them",
        }
    }
}

/// A server that answers. What we started for it goes with the run that it was made for.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) way: Way,
    pub(crate) url: ServerUrl,
    /// The server's programs, where it is one of ours.
    pub(crate) programs: Option<Binaries>,
}

/// No way led to a server.
#[derive(Debug)]
pub(crate) struct NoServer {
    outcomes: Vec<(Way, String)>,
}

impl fmt::Display for NoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no PostgreSQL server (15 or newer). The four ways to one, and why each failed:")?;
        for (number, (way, outcome)) in (1..).zip(&self.outcomes) {
            write!(f, "\n  {number}. {}: {}\n     ", way.name(), way.describe())?;
            write!(f, "{}", outcome.trim().replace('\n', "\n     "))?;
        }
        Ok(())
    }
}

impl std::error::Error for NoServer {}

/// Provides a server for `run`, by `forced` if that is given.
pub(crate) fn provision(
    workspace: &Workspace,
    run: &Run,
    profile: Profile,
    forced: Option<Way>,
) -> anyhow::Result<Server> {
    let server = first_that_works(forced, env::var_os("DATABASE_URL").is_some(), |way| {
        let server = attempt(workspace, run, profile, way)?;
        let admin = Admin::connect(server.url.as_str())?;
        let version = check_version(&admin)?;
        check_profile(&admin, profile)?;
        Ok((server, version))
    });
    let (server, version) = server?;
    eprintln!("PostgreSQL {version}: {}", server.way.describe());
    Ok(server)
}

/// Tries the ways in order, as far as they may be tried.
fn first_that_works<T>(
    forced: Option<Way>,
    url_is_set: bool,
    mut attempt: impl FnMut(Way) -> anyhow::Result<T>,
) -> Result<T, NoServer> {
    let mut outcomes = Vec::new();
    for way in Way::ALL {
        let outcome = match forced {
            Some(only) if only != way => {
                format!("not tried, because VERITRAIL_PG={} forces another", only.name())
            }
            // A server that somebody has named and that does not answer is a mistake to be told of, not passed over.
            None if url_is_set && way != Way::Url => "not tried, because DATABASE_URL is set".to_owned(),
            _ => match attempt(way) {
                Ok(value) => return Ok(value),
                Err(error) => format!("{error:#}"),
            },
        };
        outcomes.push((way, outcome));
    }
    Err(NoServer { outcomes })
}

fn attempt(workspace: &Workspace, run: &Run, profile: Profile, way: Way) -> anyhow::Result<Server> {
    match way {
        Way::Url => {
            let url = env::var("DATABASE_URL").context("DATABASE_URL is not set")?;
            Ok(Server { way, url: ServerUrl::new(url), programs: None })
        }
        Way::Container => {
            let url = container::start(run, profile)?;
            Ok(Server { way, url, programs: None })
        }
        Way::Local => private_cluster(run, profile, way, binaries::find()?),
        Way::Unpacked => private_cluster(run, profile, way, unpacked::provide(workspace)?),
    }
}

fn private_cluster(run: &Run, profile: Profile, way: Way, binaries: Binaries) -> anyhow::Result<Server> {
    let cluster = Cluster::create(&run.folder().join("pg"), &binaries, profile)?;
    Ok(Server { way, url: cluster.url, programs: Some(binaries) })
}

/// A server of somebody else's has settings of its own; figures that it gives must not pass for what they are not.
fn check_profile(admin: &Admin, profile: Profile) -> anyhow::Result<()> {
    for name in FAST_SETTINGS {
        if profile == Profile::Durable && admin.text(&format!("SHOW {name}"))? == "off" {
            eprintln!("warning: the server has {name} off, so its figures are not durable ones");
        }
    }
    Ok(())
}

fn check_version(admin: &Admin) -> anyhow::Result<String> {
    let number: u32 = admin.text("SHOW server_version_num")?.parse().context("server_version_num")?;
    let version = admin.text("SHOW server_version")?;
    if number < OLDEST_VERSION {
        bail!("the server is PostgreSQL {version}, which is too old");
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_way_that_works_is_taken_and_no_later_one_is_tried() {
        let mut tried = Vec::new();
        let found = first_that_works(None, false, |way| {
            tried.push(way);
            anyhow::ensure!(way == Way::Local, "no");
            Ok(way)
        });
        assert_eq!(found.unwrap(), Way::Local);
        assert_eq!(tried, [Way::Url, Way::Container, Way::Local]);
    }

    #[test]
    fn one_error_lists_the_four_ways_and_why_each_failed() {
        let error = first_that_works(None, false, |way| -> anyhow::Result<()> {
            Err(anyhow::anyhow!("cause of {}", way.name()).context("outer"))
        });
        let text = error.unwrap_err().to_string();
        for way in Way::ALL {
            assert!(text.contains(way.describe()), "{text}");
            assert!(text.contains(&format!("outer: cause of {}", way.name())), "{text}");
        }
    }

    #[test]
    fn forced_way_is_the_only_one_tried() {
        let mut tried = Vec::new();
        let error = first_that_works(Some(Way::Unpacked), true, |way| -> anyhow::Result<()> {
            tried.push(way);
            bail!("no apt")
        });
        assert_eq!(tried, [Way::Unpacked]);
        let text = error.unwrap_err().to_string();
        assert!(text.contains("no apt") && text.contains("VERITRAIL_PG=unpacked forces another"), "{text}");
    }

    #[test]
    fn named_server_that_does_not_answer_is_not_passed_over() {
        let error = first_that_works(None, true, |_| -> anyhow::Result<()> { bail!("connection refused") });
        let text = error.unwrap_err().to_string();
        assert_eq!(text.matches("connection refused").count(), 1, "{text}");
        assert_eq!(text.matches("DATABASE_URL is set").count(), 3, "{text}");
    }

    #[test]
    fn unknown_way_is_refused_by_name() {
        assert!(Way::parse("docker").unwrap_err().to_string().contains("`docker`"));
        assert_eq!(Way::parse("local").unwrap(), Way::Local);
    }

    #[test]
    fn only_the_fast_profile_gives_durability_up() {
        let names =
            |profile: Profile| profile.settings().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert!(names(Profile::Fast).contains(&"fsync"));
        assert!(!names(Profile::Durable).contains(&"fsync"));
        assert!(!names(Profile::Durable).contains(&"synchronous_commit"));
    }
}
