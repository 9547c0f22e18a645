//! What every store must do, on each store: one test a fact and a store, so that a failure names both.
//!
//! The facts themselves are in `tests/src/conformance.rs`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use veritrail_tests::every_fact;

macro_rules! on_each_store {
    ($($module:ident :: $fact:ident)*) => {
        mod memory {
            use veritrail_tests::conformance::{Memory, anchors, entities, levels, malformed, reading, saving, snapshots, tree};
            $(
                #[tokio::test]
                async fn $fact() {
                    $module::$fact(&Memory::create().await).await;
                }
            )*
        }

        mod postgres {
            use veritrail_tests::conformance::{Postgres, anchors, entities, levels, malformed, reading, saving, snapshots, tree};
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $fact() {
                    $module::$fact(&Postgres::create().await).await;
                }
            )*
        }

        const LIST: &[&str] = &[$(concat!(stringify!($module), "::", stringify!($fact))),*];
    };
}

every_fact!(on_each_store);

#[test]
fn every_fact_is_on_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/conformance");
    let mut written = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the facts have a folder") {
        let path = entry.expect("an entry").path();
        let module = path.file_stem().and_then(|stem| stem.to_str()).expect("a module's name").to_owned();
        let text = fs::read_to_string(&path).expect("a source file");
        let names = text.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split('<').next());
        written.extend(names.map(|name| format!("{module}::{name}")));
    }
    let listed: BTreeSet<String> = LIST.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(written, listed);
    assert_eq!(listed.len(), LIST.len(), "no fact stands twice");
}
