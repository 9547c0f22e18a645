//! The veritrail command.
fn main() {}
