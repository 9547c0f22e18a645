//! The tree and its proofs against a literal reading of RFC 9162, and every valid proof mutated.
//!
//! Notes and checkpoints are not here but in `signed_note`.

mod differential;
mod large;
mod mutation;
mod proofs;
mod ranges;
mod reference;
mod sets;
mod tiles;
mod vectors;
