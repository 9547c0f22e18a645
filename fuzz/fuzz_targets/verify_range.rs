//! The verifier of range proofs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| veritrail_fuzz::proofs::verify_range_like_a_set(data));
