//! What the integration tests of the workspace stand on: databases, servers and other programs, each made for one test
//! and gone after it. `cargo xtask test` provides what they need.
//!
//! Not here: the tests themselves (`tests/tests`), and the server that all of them share (`xtask`).

mod account;
pub mod conformance;
pub mod database;
pub mod every_operation;
pub mod numbered;
mod owner;
pub mod program;
pub mod sample;
pub mod server;
pub mod veritrail;
