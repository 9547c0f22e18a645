//! Exit codes: 0 done, 1 the answer is no, 2 wrong usage or input, 3 database out of reach.

use std::process::ExitCode;

use veritrail_store_pg::AccessError;
use veritrail_store_pg::veritrail_migrations::MigrateError;

/// What a command answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, or the answer is yes.
    Done,
    /// The answer is no: verification failed, events were rejected, there is no such thing.
    No,
    /// Wrong usage or input.
    Usage,
    /// The database is out of reach.
    Unreachable,
}

/// An error that the caller mends by calling otherwise.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// An error with its causes on one line.
pub(crate) fn with_causes(error: impl std::error::Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

/// A usage error with this text.
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(UsageError(message.into()))
}

impl Outcome {
    /// Yes or no.
    pub(crate) fn from_answer(yes: bool) -> Self {
        if yes { Self::Done } else { Self::No }
    }

    /// The exit code that an error stands for, by the first cause that decides it.
    pub(crate) fn of_error(error: &anyhow::Error) -> Self {
        for cause in error.chain() {
            if cause.is::<UsageError>() {
                return Self::Usage;
            }
            match cause.downcast_ref::<AccessError>() {
                Some(AccessError::Unreachable(_) | AccessError::PoolTimeout) => return Self::Unreachable,
                Some(AccessError::NotMigrated) => return Self::Usage,
                _ => {}
            }
            if let Some(MigrateError::Connect(_)) = cause.downcast_ref::<MigrateError>() {
                return Self::Unreachable;
            }
        }
        Self::No
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::No => 1,
            Outcome::Usage => 2,
            Outcome::Unreachable => 3,
        })
    }
}
