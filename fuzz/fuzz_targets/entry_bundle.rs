//! Entry bundles and tiles of hashes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| veritrail_fuzz::tiles::entry_bundle(data));
