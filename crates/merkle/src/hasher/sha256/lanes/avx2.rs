//! SHA-256 of eight messages at once by AVX2, one to each 32-bit lane: for x86 that has no SHA extensions.
//!
//! Not here: whether the processor has it (`lanes`).

use core::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256, _mm256_extract_epi32, _mm256_or_si256,
    _mm256_set_epi32, _mm256_set1_epi32, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_xor_si256,
};

use super::super::{INITIAL_STATE, Message, bytes_of, hash_of};
use super::ROUND_CONSTANTS;
use crate::Hash;

/// How many messages are hashed at once.
pub(super) const LANES: usize = 8;

/// The hashes of messages that have one number of blocks.
// Loops instead of `map` and `from_fn`, as in `sha_ni`.
#[target_feature(enable = "avx2")]
pub(super) fn digest(messages: [&impl Message; LANES]) -> [Hash; LANES] {
    let mut state = [same(0); 8];
    for (word, initial) in state.iter_mut().zip(INITIAL_STATE) {
        *word = same(initial);
    }
    for index in 0..messages[0].block_count() {
        let mut blocks = [[0; 64]; LANES];
        for lane in 0..LANES {
            blocks[lane] = bytes_of(&messages[lane].block(index));
        }
        compress(&mut state, &blocks);
    }
    let mut words = [[0; 8]; LANES];
    for (word, lanes) in state.into_iter().enumerate() {
        for (lane, value) in unpacked(lanes).into_iter().enumerate() {
            words[lane][word] = value;
        }
    }
    words.map(|state| hash_of(&state))
}

/// One block of each message (FIPS 180-4 section 6.2.2).
#[inline]
#[target_feature(enable = "avx2")]
fn compress(state: &mut [__m256i; 8], blocks: &[[u8; 64]; LANES]) {
    // The last 16 words of the schedule: word t is at t mod 16.
    let mut schedule = [same(0); 16];
    for (t, word) in schedule.iter_mut().enumerate() {
        *word = load(blocks, t);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (sixteen, constants) in ROUND_CONSTANTS.as_chunks::<16>().0.iter().enumerate() {
        for at in 0..16 {
            if sixteen > 0 {
                schedule[at] = next_word(&schedule, at);
            }
            let choice = xor(_mm256_and_si256(e, f), _mm256_andnot_si256(e, g));
            let majority =
                _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(c, _mm256_or_si256(a, b)));
            let sum1 = xor(xor(rotate::<6, 26>(e), rotate::<11, 21>(e)), rotate::<25, 7>(e));
            let sum0 = xor(xor(rotate::<2, 30>(a), rotate::<13, 19>(a)), rotate::<22, 10>(a));
            let input = add(schedule[at], same(constants[at]));
            let first = add(add(h, sum1), add(choice, input));
            let second = add(sum0, majority);
            (h, g, f, e) = (g, f, e, add(d, first));
            (d, c, b, a) = (c, b, a, add(first, second));
        }
    }
    for (word, after) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = add(*word, after);
    }
}

/// The word of the schedule that takes the place of its oldest, the one at `at`.
#[inline]
#[target_feature(enable = "avx2")]
fn next_word(schedule: &[__m256i; 16], at: usize) -> __m256i {
    let (w16, w15) = (schedule[at], schedule[(at + 1) % 16]);
    let (w7, w2) = (schedule[(at + 9) % 16], schedule[(at + 14) % 16]);
    let small0 = xor(xor(rotate::<7, 25>(w15), rotate::<18, 14>(w15)), _mm256_srli_epi32::<3>(w15));
    let small1 = xor(xor(rotate::<17, 15>(w2), rotate::<19, 13>(w2)), _mm256_srli_epi32::<10>(w2));
    add(add(w16, small0), add(w7, small1))
}

/// Rotation to the right by `RIGHT`; `LEFT` is 32 - `RIGHT`.
#[inline]
#[target_feature(enable = "avx2")]
fn rotate<const RIGHT: i32, const LEFT: i32>(words: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_srli_epi32::<RIGHT>(words), _mm256_slli_epi32::<LEFT>(words))
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(left: __m256i, right: __m256i) -> __m256i {
    _mm256_add_epi32(left, right)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(left: __m256i, right: __m256i) -> __m256i {
    _mm256_xor_si256(left, right)
}

/// One word in every lane.
#[inline]
#[target_feature(enable = "avx2")]
fn same(word: u32) -> __m256i {
    _mm256_set1_epi32(word.cast_signed())
}

/// Word `t` of each block.
#[inline]
#[target_feature(enable = "avx2")]
fn load(blocks: &[[u8; 64]; LANES], t: usize) -> __m256i {
    let mut words = [0; LANES];
    for lane in 0..LANES {
        words[lane] = i32::from_be_bytes(blocks[lane].as_chunks::<4>().0[t]);
    }
    let [w0, w1, w2, w3, w4, w5, w6, w7] = words;
    _mm256_set_epi32(w7, w6, w5, w4, w3, w2, w1, w0)
}

/// The word of each lane.
#[inline]
#[target_feature(enable = "avx2")]
fn unpacked(words: __m256i) -> [u32; LANES] {
    [
        _mm256_extract_epi32::<0>(words),
        _mm256_extract_epi32::<1>(words),
        _mm256_extract_epi32::<2>(words),
        _mm256_extract_epi32::<3>(words),
        _mm256_extract_epi32::<4>(words),
        _mm256_extract_epi32::<5>(words),
        _mm256_extract_epi32::<6>(words),
        _mm256_extract_epi32::<7>(words),
    ]
    .map(i32::cast_unsigned)
}
