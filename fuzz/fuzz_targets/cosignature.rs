//! Signature lines and cosigned checkpoints.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| veritrail_fuzz::notes::cosignature(data));
