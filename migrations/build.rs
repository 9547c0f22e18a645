//! Rebuilds the crate when a migration changes: the macro that embeds them reads files that cargo does not know.

fn main() {
    println!("cargo::rerun-if-changed=sql");
}
