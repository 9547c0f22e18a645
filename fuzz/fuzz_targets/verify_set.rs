//! The verifier of set proofs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| veritrail_fuzz::proofs::verify_set_like_itself(data));
