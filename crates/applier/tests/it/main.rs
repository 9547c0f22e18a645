//! What the appliers, the registry and batches promise, through the public API.

#![expect(clippy::unwrap_used, reason = "clippy takes the functions beside the tests for no tests")]

mod access;
mod appliers;
mod audit;
mod batches;
mod cipher;
mod duplicates;
mod equivalence;
mod registry;
mod replay;
mod support;
mod versions;
mod walkthrough;
