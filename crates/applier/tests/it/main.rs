//! What the appliers, the registry and batches promise, through the public API.

mod appliers;
mod batches;
mod equivalence;
mod registry;
mod support;
