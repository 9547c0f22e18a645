//! The texts of hashes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| veritrail_fuzz::notes::hash_text(data));
