//! SHA-256 by the SHA extensions of x86. Each round waits for the one before; a second message fills the wait.
//!
//! Not here: whether the processor has them (`lanes`).

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_extract_epi64, _mm_set_epi32,
    _mm_set_epi64x, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
    _mm_shuffle_epi32,
};

use super::super::{Block, INITIAL_STATE, Message};
use super::ROUND_CONSTANTS;
use crate::Hash;

/// As many messages as keep the rounds busy; with more the registers run out, and it gets slower.
pub(super) const LANES: usize = 2;

/// The hashes of messages that have one number of blocks.
// Loops instead of `map` and `from_fn`: a closure in here is compiled for the extensions, and is therefore not
// inlined into those, which are not.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
pub(super) fn digest<const N: usize>(messages: [&impl Message; N]) -> [Hash; N] {
    let [a, b, c, d, e, f, g, h] = INITIAL_STATE;
    let mut abef = [words([f, e, b, a]); N];
    let mut cdgh = [words([h, g, d, c]); N];
    for index in 0..messages[0].block_count() {
        let mut blocks = [[0; 4]; N];
        for lane in 0..N {
            blocks[lane] = messages[lane].block(index);
        }
        compress(&mut abef, &mut cdgh, &blocks);
    }
    let mut hashes = [Hash::from_bytes([0; 32]); N];
    for lane in 0..N {
        hashes[lane] = hash_of(abef[lane], cdgh[lane]);
    }
    hashes
}

/// One block of each message (FIPS 180-4 section 6.2.2). The state is in the order that the instructions want.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn compress<const N: usize>(abef: &mut [__m128i; N], cdgh: &mut [__m128i; N], blocks: &[Block; N]) {
    let (abef_before, cdgh_before) = (*abef, *cdgh);
    // The last 16 words of each schedule, four to a register.
    let mut schedule = [[words([0; 4]); N]; 4];
    for quarter in 0..4 {
        for lane in 0..N {
            schedule[quarter][lane] = load(blocks[lane][quarter]);
        }
    }
    for (four_rounds, words) in schedule.iter().enumerate() {
        rounds(four_rounds, abef, cdgh, words);
    }
    for quarter in 1..4 {
        for at in 0..4 {
            for lane in 0..N {
                schedule[at][lane] = next_words(&schedule, at, lane);
            }
            rounds(4 * quarter + at, abef, cdgh, &schedule[at]);
        }
    }
    for lane in 0..N {
        abef[lane] = _mm_add_epi32(abef[lane], abef_before[lane]);
        cdgh[lane] = _mm_add_epi32(cdgh[lane], cdgh_before[lane]);
    }
}

/// The four words of the schedule that take the place of its oldest four, those at `at`.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn next_words<const N: usize>(schedule: &[[__m128i; N]; 4], at: usize, lane: usize) -> __m128i {
    let (w0, w1) = (schedule[at][lane], schedule[(at + 1) % 4][lane]);
    let (w2, w3) = (schedule[(at + 2) % 4][lane], schedule[(at + 3) % 4][lane]);
    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
    _mm_sha256msg2_epu32(sum, w3)
}

/// Four rounds of each message, two by each instruction, which swaps the halves of the state.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn rounds<const N: usize>(
    four_rounds: usize,
    abef: &mut [__m128i; N],
    cdgh: &mut [__m128i; N],
    schedule: &[__m128i; N],
) {
    let (constants, _) = ROUND_CONSTANTS.as_chunks::<4>();
    let constants = words(constants[four_rounds]);
    let mut inputs = *schedule;
    for lane in 0..N {
        inputs[lane] = _mm_add_epi32(schedule[lane], constants);
        cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], inputs[lane]);
    }
    for lane in 0..N {
        let upper = _mm_shuffle_epi32(inputs[lane], 0b00_00_11_10);
        abef[lane] = _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], upper);
    }
}

/// The words of a quarter of a block.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn load(bytes: u128) -> __m128i {
    big_endian(_mm_set_epi64x((bytes >> 64) as i64, bytes as i64))
}

/// Four words, the first in the lowest place.
#[inline]
#[target_feature(enable = "sse2")]
fn words([w0, w1, w2, w3]: [u32; 4]) -> __m128i {
    _mm_set_epi32(w3.cast_signed(), w2.cast_signed(), w1.cast_signed(), w0.cast_signed())
}

/// The hash that a state stands for after the last block.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn hash_of(abef: __m128i, cdgh: __m128i) -> Hash {
    let feba = _mm_shuffle_epi32(abef, 0b00_01_10_11);
    let dchg = _mm_shuffle_epi32(cdgh, 0b10_11_00_01);
    let dcba = big_endian(_mm_blend_epi16(feba, dchg, 0b1111_0000));
    let hgfe = big_endian(_mm_alignr_epi8(dchg, feba, 8));
    let mut bytes = [0; 32];
    let (eighths, _) = bytes.as_chunks_mut::<8>();
    eighths[0] = _mm_extract_epi64(dcba, 0).to_le_bytes();
    eighths[1] = _mm_extract_epi64(dcba, 1).to_le_bytes();
    eighths[2] = _mm_extract_epi64(hgfe, 0).to_le_bytes();
    eighths[3] = _mm_extract_epi64(hgfe, 1).to_le_bytes();
    Hash::from_bytes(bytes)
}

/// The bytes of each word the other way round.
#[inline]
#[target_feature(enable = "sse2,ssse3")]
fn big_endian(words: __m128i) -> __m128i {
    _mm_shuffle_epi8(words, _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203))
}
