//! What the appliers, the registry and batches promise, through the public API.

#![expect(clippy::unwrap_used, reason = "clippy takes the functions beside the tests for no tests")]

mod appliers;
mod batches;
mod equivalence;
mod registry;
mod replay;
mod support;
