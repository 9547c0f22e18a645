//! What the fuzz targets check: one function a target, from arbitrary bytes. Not only that nothing panics: what is read
//! is written back as it was, and a proof is accepted exactly where the algorithms of RFC 9162 accept it.
//!
//! How targets are built and run is not here but in `cargo xtask fuzz`; seeds are in `seeds/`.

pub mod events;
pub mod notes;
pub mod proofs;
pub mod tiles;
