//! The verifier of inclusion proofs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| veritrail_fuzz::proofs::verify_inclusion_like_the_rfc(data));
