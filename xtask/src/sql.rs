//! The few statements that tasks run themselves: versions, CREATE and DROP DATABASE.
//!
//! Not here: the schema, which only `veritrail migrate` makes.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection of a task to a server, as the user that made the databases.
pub(crate) struct Admin {
    client: Client,
}

impl Admin {
    pub(crate) fn connect(url: &str) -> anyhow::Result<Self> {
        let mut config: Config = url.parse().context("the database URL cannot be read")?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        block_on(async {
            let (client, connection) = config.connect(NoTls).await.context("the server does not answer")?;
            tokio::spawn(connection);
            Ok(Self { client })
        })
    }

    /// Runs one statement that returns nothing.
    pub(crate) fn execute(&self, sql: &str) -> anyhow::Result<()> {
        block_on(self.client.batch_execute(sql)).map_err(with_server_message)
    }

    /// The one value that `sql` returns.
    pub(crate) fn text(&self, sql: &str) -> anyhow::Result<String> {
        let mut values = self.column(sql)?;
        match values.len() {
            1 => Ok(values.remove(0)),
            count => bail!("`{sql}` returned {count} rows instead of one"),
        }
    }

    /// The first column of what `sql` returns.
    pub(crate) fn column(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        let messages = block_on(self.client.simple_query(sql)).map_err(with_server_message)?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        Ok(rows.collect())
    }
}

/// The driver's own text is only "db error".
fn with_server_message(error: tokio_postgres::Error) -> anyhow::Error {
    let message = error.as_db_error().map(|db| format!("{} ({})", db.message(), db.code().code()));
    match message {
        Some(message) => anyhow::Error::new(error).context(message),
        None => error.into(),
    }
}

/// Runs a future to its end. Tasks are plain sequences; only drivers of servers and containers are asynchronous.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("threads and a poll descriptor can be had at the start of a task")
    });
    runtime.block_on(future)
}
