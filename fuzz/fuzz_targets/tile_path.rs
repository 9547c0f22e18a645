//! The paths of tiles.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| veritrail_fuzz::tiles::tile_path(data));
