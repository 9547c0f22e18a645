//! Strict JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| veritrail_fuzz::events::json(data));
