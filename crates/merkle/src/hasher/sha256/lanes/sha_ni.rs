//! SHA-256 by the SHA extensions of x86. Each round waits for the one before; a second message fills the wait.
//!
//! Not here: whether the processor has them (`lanes`).

#[cfg(target_arch = "x86")]
use core::arch::x86 as arch;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64 as arch;

use arch::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_set_epi32, _mm_sha256msg1_epu32,
    _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi32,
};

use super::super::{INITIAL_STATE, Message, hash_of};
use super::ROUND_CONSTANTS;
use crate::Hash;

/// As many messages as keep the rounds busy; with more the registers run out, and it gets slower.
pub(super) const LANES: usize = 2;

/// The hashes of messages that have one number of blocks.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
pub(super) fn digest<const N: usize>(messages: [&impl Message; N]) -> [Hash; N] {
    let [a, b, c, d, e, f, g, h] = INITIAL_STATE;
    let mut abef = [words([f, e, b, a]); N];
    let mut cdgh = [words([h, g, d, c]); N];
    for index in 0..messages[0].block_count() {
        let blocks = messages.map(|message| message.block(index));
        compress(&mut abef, &mut cdgh, blocks);
    }
    core::array::from_fn(|lane| {
        let [f, e, b, a] = unpacked(abef[lane]);
        let [h, g, d, c] = unpacked(cdgh[lane]);
        hash_of(&[a, b, c, d, e, f, g, h])
    })
}

/// One block of each message (FIPS 180-4 section 6.2.2). The state is in the order that the instructions want.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn compress<const N: usize>(abef: &mut [__m128i; N], cdgh: &mut [__m128i; N], blocks: [[u8; 64]; N]) {
    let before = (*abef, *cdgh);
    // The last 16 words of each schedule, four to a register.
    let mut schedule: [[__m128i; N]; 4] =
        core::array::from_fn(|quarter| blocks.each_ref().map(|block| load(block, quarter)));
    for four_rounds in 0..16 {
        let at = four_rounds % 4;
        if four_rounds >= 4 {
            schedule[at] = core::array::from_fn(|lane| next_words(&schedule, at, lane));
        }
        rounds(four_rounds, abef, cdgh, &schedule[at]);
    }
    for lane in 0..N {
        abef[lane] = _mm_add_epi32(abef[lane], before.0[lane]);
        cdgh[lane] = _mm_add_epi32(cdgh[lane], before.1[lane]);
    }
}

/// The four words of the schedule that take the place of its oldest four, those at `at`.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn next_words<const N: usize>(schedule: &[[__m128i; N]; 4], at: usize, lane: usize) -> __m128i {
    let [w0, w1, w2, w3] = core::array::from_fn(|i| schedule[(at + i) % 4][lane]);
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
    let [k0, k1, k2, k3] = core::array::from_fn(|i| ROUND_CONSTANTS[4 * four_rounds + i]);
    let constants = words([k0, k1, k2, k3]);
    let inputs = schedule.map(|words| _mm_add_epi32(words, constants));
    for lane in 0..N {
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
fn load(block: &[u8; 64], quarter: usize) -> __m128i {
    let (all, _) = block.as_chunks::<4>();
    words(core::array::from_fn(|i| u32::from_be_bytes(all[4 * quarter + i])))
}

/// Four words, the first in the lowest place.
#[inline]
#[target_feature(enable = "sse2")]
fn words([w0, w1, w2, w3]: [u32; 4]) -> __m128i {
    _mm_set_epi32(w3.cast_signed(), w2.cast_signed(), w1.cast_signed(), w0.cast_signed())
}

/// What [`words`] packs.
#[inline]
#[target_feature(enable = "sse2,sse4.1")]
fn unpacked(words: __m128i) -> [u32; 4] {
    [
        _mm_extract_epi32::<0>(words).cast_unsigned(),
        _mm_extract_epi32::<1>(words).cast_unsigned(),
        _mm_extract_epi32::<2>(words).cast_unsigned(),
        _mm_extract_epi32::<3>(words).cast_unsigned(),
    ]
}
