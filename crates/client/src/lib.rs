//! The HTTP client of a Veritrail server.
//!
//! This version asks for the server's health. Not here: cursors, pages and their proofs, which need no HTTP
//! (`veritrail-sync`), and the server's side (`veritrail-server`).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use veritrail_client::Client;
//! use veritrail_sync::wire::HealthStatus;
//!
//! let client = Client::new("http://127.0.0.1:8080")?;
//! let health = client.health().await?;
//! assert_eq!(health.status, HealthStatus::Ready, "the database is {:?}", health.database);
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use reqwest::{Response, StatusCode, Url};
use veritrail_sync::wire::Health;

pub use veritrail_sync;

/// How long a request may take from its beginning to the end of the answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of an answer about health: a server's answer has a few hundred.
const MAX_HEALTH_BYTES: usize = 64 << 10;

/// A client of one server. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base_url: Url,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum NewClientError {
    /// The text is no `http` or `https` URL that paths can be added to.
    #[error("`{0}` is no http or https URL of a server")]
    BaseUrl(String),
    /// The TLS library or the system's configuration did not let a client be made.
    #[error("cannot make an HTTP client")]
    Http(#[source] reqwest::Error),
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// No connection, or it broke or timed out before the answer was complete: try again later.
    #[error("the server is out of reach")]
    Unreachable(#[source] reqwest::Error),
    /// The server, or a proxy before it, answered with a status that this question does not have.
    #[error("unexpected status {0}")]
    Status(u16),
    /// The answer is not what this client reads: check the URL and the server's version.
    #[error("the answer cannot be read")]
    Body(#[source] serde_json::Error),
    /// The answer is longer than it may be.
    #[error("the answer has more than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
}

impl Client {
    /// Makes a client of the server at `base_url`, such as `https://example.com/veritrail`. Connects at the first
    /// request.
    ///
    /// # Errors
    /// [`NewClientError::BaseUrl`] where the text is no URL of a server, [`NewClientError::Http`] where TLS cannot be
    /// set up.
    pub fn new(base_url: &str) -> Result<Self, NewClientError> {
        let base_url = parse_base_url(base_url)?;
        let http =
            reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build().map_err(NewClientError::Http)?;
        Ok(Self { http, base_url })
    }

    /// Asks whether the server can do its work. A server that says that it cannot is an answer, no error.
    ///
    /// # Errors
    /// [`RequestError::Unreachable`], [`RequestError::Status`] for another status than 200 and 503,
    /// [`RequestError::Body`] and [`RequestError::TooLong`] where the body is not the server's.
    pub async fn health(&self) -> Result<Health, RequestError> {
        let response = self.get("health/ready").await?;
        match response.status() {
            StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE => {
                let body = read_body(response, MAX_HEALTH_BYTES).await?;
                serde_json::from_slice(&body).map_err(RequestError::Body)
            }
            other => Err(RequestError::Status(other.as_u16())),
        }
    }

    async fn get(&self, path: &str) -> Result<Response, RequestError> {
        let url = self.base_url.join(path).expect("a path of ours can be added to a base URL");
        self.http.get(url).send().await.map_err(unreachable)
    }
}

/// The URL with a slash at its end, so that paths are added and do not replace its last part.
fn parse_base_url(text: &str) -> Result<Url, NewClientError> {
    let refused = || NewClientError::BaseUrl(text.to_owned());
    let mut url = Url::parse(text).map_err(|_| refused())?;
    let has_no_more = url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !has_no_more {
        return Err(refused());
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, RequestError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > limit {
            return Err(RequestError::TooLong { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The URL may hold a password, so the error is kept without it.
fn unreachable(error: reqwest::Error) -> RequestError {
    RequestError::Unreachable(error.without_url())
}

/// The README's example, compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_added_to_the_base_url() {
        let joined = |base: &str| parse_base_url(base).unwrap().join("health/ready").unwrap().to_string();
        assert_eq!(joined("http://h"), "http://h/health/ready");
        assert_eq!(joined("https://h:1/a/b"), "https://h:1/a/b/health/ready");
        assert_eq!(joined("https://h/a/"), "https://h/a/health/ready");
    }

    #[test]
    fn what_is_no_url_of_a_server_is_refused() {
        for text in ["", "h", "ftp://h", "http://", "http://h?x=1", "http://h#x", "/a"] {
            assert!(matches!(Client::new(text), Err(NewClientError::BaseUrl(_))), "{text:?}");
        }
    }
}
