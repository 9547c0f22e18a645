//! The texts of keys.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| veritrail_fuzz::notes::keys(data));
