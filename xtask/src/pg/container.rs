//! A server in a container, by whatever engine answers (Docker, Podman).
//!
//! Each container has the labels `veritrail.owner` (the path of its run's owner file) and `veritrail.machine`; one
//! whose owner is dead is removed by the next start on the same machine.
//!
//! Not here: what the engine is asked to run in it beyond PostgreSQL; tests that need more start their own.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures_util::StreamExt as _;
use testcontainers::bollard::Docker;
use testcontainers::bollard::models::PortBinding;
use testcontainers::bollard::query_parameters::{
    CreateImageOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use testcontainers::core::client::docker_client_instance;
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerRequest, GenericImage, ImageExt as _};
use tokio::time::timeout;

use super::Profile;
use super::cluster::{USER, random_password};
use super::url::{Address, ServerUrl};
use crate::run::{self, Run};
use crate::shutdown;
use crate::sql::{Admin, block_on};

const DEFAULT_IMAGE: &str = "postgres:17";
const OWNER_LABEL: &str = "veritrail.owner";
const MACHINE_LABEL: &str = "veritrail.machine";
const PORT: u16 = 5432;
/// How long an engine may take to say that it is there.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a registry may be silent, and how long a pull may take in all.
const PULL_SILENCE: Duration = Duration::from_secs(20);
const PULL_TIMEOUT: Duration = Duration::from_secs(300);
const CREATE_TIMEOUT: Duration = Duration::from_secs(60);
const READY_TIMEOUT: Duration = Duration::from_secs(60);
const READY_POLL: Duration = Duration::from_millis(100);
const REMOVE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why no container can be had, or nothing if one can.
pub(crate) fn available() -> anyhow::Result<()> {
    block_on(async {
        let engine = engine().await?;
        ensure_image(&engine, &image()).await
    })
}

/// Starts a server in a container that belongs to `run`.
pub(crate) fn start(run: &Run, profile: Profile) -> anyhow::Result<ServerUrl> {
    let image = image();
    let password = random_password()?;
    block_on(async {
        let engine = engine().await?;
        ensure_image(&engine, &image).await
    })?;
    let request = request(&image, &password, profile, &run.owner_file());
    run.expect_containers();
    // A signal waits until the engine knows the container, so that the removal after it finds it.
    let container =
        shutdown::without_interruption(|| block_on(async { timeout(CREATE_TIMEOUT, request.start()).await }));
    // The run removes the container, by its label, in every way that a run can end; a second removal would only fail.
    let container = ManuallyDrop::new(container.context("the engine took too long to start a container")??);
    let (host, port) = block_on(async {
        anyhow::Ok((container.get_host().await?.to_string(), container.get_host_port_ipv4(PORT).await?))
    })?;
    let host = if host == "localhost" { "127.0.0.1".to_owned() } else { host };
    let address = Address::Tcp { host: &host, port, password: &password };
    let url = ServerUrl::of(USER, address, "postgres");
    wait_until_ready(&url)?;
    Ok(url)
}

/// Removes the containers of a run.
pub(crate) fn remove_of(owner_file: &Path) {
    let wanted = owner_file.to_string_lossy().into_owned();
    remove_where(|owner| owner == wanted);
}

/// Removes the containers whose run is dead.
pub(crate) fn sweep() {
    remove_where(|owner| !run::is_alive(Path::new(owner)));
}

fn remove_where(is_wanted: impl Fn(&str) -> bool) {
    let work = async {
        let Ok(engine) = engine().await else { return };
        let labels = vec![OWNER_LABEL.to_owned(), format!("{MACHINE_LABEL}={}", machine())];
        let filters = HashMap::from([("label".to_owned(), labels)]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let Ok(containers) = engine.list_containers(Some(options)).await else { return };
        for container in containers {
            let owner = container.labels.as_ref().and_then(|labels| labels.get(OWNER_LABEL));
            let (Some(id), Some(owner)) = (&container.id, owner) else { continue };
            if is_wanted(owner) {
                let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
                if let Err(error) = engine.remove_container(id, Some(options)).await {
                    eprintln!("cannot remove container {id}: {error}");
                }
            }
        }
    };
    if block_on(async { timeout(REMOVE_TIMEOUT, work).await }).is_err() {
        eprintln!("the container engine took too long to remove containers");
    }
}

fn request(
    image: &str,
    password: &str,
    profile: Profile,
    owner_file: &Path,
) -> ContainerRequest<GenericImage> {
    let (name, tag) = split_image(image);
    let settings =
        profile.settings().into_iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]);
    let command = std::iter::once("postgres".to_owned()).chain(settings);
    let request = GenericImage::new(name, tag)
        .with_exposed_port(PORT.into())
        .with_cmd(command)
        .with_env_var("POSTGRES_USER", USER)
        .with_env_var("POSTGRES_PASSWORD", password)
        .with_env_var("POSTGRES_DB", "postgres")
        .with_env_var("POSTGRES_INITDB_ARGS", "--encoding=UTF8 --no-sync")
        .with_label(OWNER_LABEL, owner_file.to_string_lossy())
        .with_label(MACHINE_LABEL, machine());
    if engine_is_remote() {
        return request;
    }
    request.with_host_config_modifier(|config| {
        // By default the port would be open to the whole network.
        let binding = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: None };
        config.publish_all_ports = Some(false);
        config.port_bindings = Some(HashMap::from([(format!("{PORT}/tcp"), Some(vec![binding]))]));
    })
}

fn wait_until_ready(url: &ServerUrl) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_TIMEOUT;
    loop {
        // A signal that comes now parks us here instead of seeing us try the next way.
        shutdown::without_interruption(|| ());
        // While it is set up the image's server listens on its socket alone, so an answer by TCP means ready.
        match Admin::connect(url.as_str()).and_then(|admin| admin.text("SELECT 1")) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => {
                return Err(error.context("the container's server does not start"));
            }
            Err(_) => std::thread::sleep(READY_POLL),
        }
    }
}

async fn engine() -> anyhow::Result<Docker> {
    let engine = docker_client_instance().await.context("no container engine")?;
    match timeout(PING_TIMEOUT, engine.ping()).await {
        Ok(Ok(_)) => Ok(engine),
        Ok(Err(error)) => Err(error).context("no container engine answers"),
        Err(_) => bail!("the container engine does not answer within {} s", PING_TIMEOUT.as_secs()),
    }
}

async fn ensure_image(engine: &Docker, image: &str) -> anyhow::Result<()> {
    let found = timeout(PING_TIMEOUT, engine.inspect_image(image)).await;
    if found.context("the container engine does not answer")?.is_ok() {
        return Ok(());
    }
    eprintln!("pulling the image {image}");
    let pulled = match timeout(PULL_TIMEOUT, pull(engine, image)).await {
        Ok(pulled) => pulled,
        Err(_) => Err(anyhow::anyhow!("pulling took more than {} s", PULL_TIMEOUT.as_secs())),
    };
    pulled.with_context(|| format!("the engine answers but has no image {image} and cannot pull it"))
}

async fn pull(engine: &Docker, image: &str) -> anyhow::Result<()> {
    let (name, tag) = split_image(image);
    let options = CreateImageOptionsBuilder::default().from_image(name).tag(tag).build();
    let mut progress = std::pin::pin!(engine.create_image(Some(options), None, None));
    loop {
        match timeout(PULL_SILENCE, progress.next()).await {
            Ok(Some(step)) => drop(step?),
            Ok(None) => return Ok(()),
            Err(_) => bail!("the registry was silent for {} s", PULL_SILENCE.as_secs()),
        }
    }
}

fn image() -> String {
    env::var("VERITRAIL_PG_IMAGE")
        .ok()
        .filter(|image| !image.is_empty())
        .unwrap_or_else(|| DEFAULT_IMAGE.to_owned())
}

/// Name and tag; a colon before the last slash belongs to the registry's port.
fn split_image(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

fn engine_is_remote() -> bool {
    env::var("DOCKER_HOST").is_ok_and(|host| !host.starts_with("unix:"))
}

/// What tells this machine from others that use the same engine: their owner files are not ours to look for.
fn machine() -> String {
    let id = ["/etc/machine-id", "/proc/sys/kernel/hostname"].iter().find_map(|path| {
        let text = fs::read_to_string(path).ok()?;
        (!text.trim().is_empty()).then(|| text.trim().to_owned())
    });
    id.unwrap_or_else(|| "unnamed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_is_told_from_a_registrys_port() {
        assert_eq!(split_image("postgres:17"), ("postgres", "17"));
        assert_eq!(split_image("postgres"), ("postgres", "latest"));
        assert_eq!(split_image("localhost:5000/postgres"), ("localhost:5000/postgres", "latest"));
        assert_eq!(split_image("localhost:5000/postgres:16"), ("localhost:5000/postgres", "16"));
    }
}
