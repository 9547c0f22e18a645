//! Several messages hashed at once on x86-64: which kernel the processor has, and calls into it.
//!
//! This is the one module that is allowed `unsafe`, for one reason: to call a function that is compiled for an
//! extension, after the processor has said that it has it. The kernels themselves (`sha_ni`, `avx2`) are safe code.

#![expect(
    unsafe_code,
    reason = "a function compiled for an extension is called after the processor was asked for it"
)]

mod avx2;
mod sha_ni;

use alloc::vec::Vec;

use super::{Message, digest};
use crate::Hash;

// `cpufeatures` asks the processor itself, so this works without the standard library.
cpufeatures::new!(has_sha_ni, "sha", "sse2", "ssse3", "sse4.1");
cpufeatures::new!(has_avx2, "avx2");

/// The constants of the rounds (FIPS 180-4 section 4.2.2).
const ROUND_CONSTANTS: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// A kernel that this processor can run. There is no other way to get one than [`Kernel::available`].
#[derive(Debug, Clone, Copy)]
struct Kernel(Extension);

#[derive(Debug, Clone, Copy)]
enum Extension {
    ShaNi,
    Avx2,
}

impl Kernel {
    /// The kernels that this processor can run, the fastest first.
    fn available() -> impl Iterator<Item = Self> {
        let sha_ni = has_sha_ni::get().then_some(Self(Extension::ShaNi));
        let avx2 = has_avx2::get().then_some(Self(Extension::Avx2));
        sha_ni.into_iter().chain(avx2)
    }

    /// The hash of one message.
    fn hash_one(self, message: &impl Message) -> Hash {
        match self.0 {
            Extension::ShaNi => {
                // SAFETY: `available` gives this kernel only where the processor has the extensions of `sha_ni`.
                let [hash] = unsafe { sha_ni::digest([message]) };
                hash
            }
            // Seven of the eight lanes would be hashed for nothing.
            Extension::Avx2 => digest(message),
        }
    }

    /// Appends the hashes of the messages, in order.
    fn hash_all<M: Message>(self, messages: impl Iterator<Item = M>, hashes: &mut Vec<Hash>) {
        match self.0 {
            Extension::ShaNi => self.hash_in_lanes(messages, hashes, |group: [&M; sha_ni::LANES]| {
                // SAFETY: as in `hash_one`.
                unsafe { sha_ni::digest(group) }
            }),
            Extension::Avx2 => self.hash_in_lanes(messages, hashes, |group: [&M; avx2::LANES]| {
                // SAFETY: `available` gives this kernel only where the processor has AVX2.
                unsafe { avx2::digest(group) }
            }),
        }
    }

    /// Takes the messages in groups of `LANES`. The lanes of a group go in step, so one whose messages differ in
    /// their number of blocks, and what remains at the end, is hashed one by one.
    fn hash_in_lanes<const LANES: usize, M: Message>(
        self,
        messages: impl Iterator<Item = M>,
        hashes: &mut Vec<Hash>,
        digest_group: impl Fn([&M; LANES]) -> [Hash; LANES],
    ) {
        hashes.reserve(messages.size_hint().0);
        let mut messages = messages.fuse();
        loop {
            let group: [Option<M>; LANES] = core::array::from_fn(|_| messages.next());
            let Some(first) = &group[0] else { return };
            if group.iter().all(|message| message.is_some_and(|it| it.block_count() == first.block_count())) {
                let group = group.each_ref().map(|message| message.as_ref().unwrap_or(first));
                hashes.extend_from_slice(&digest_group(group));
            } else {
                hashes.extend(group.iter().flatten().map(|message| self.hash_one(message)));
            }
        }
    }
}

/// The hash of one message.
pub(super) fn hash_one(message: &impl Message) -> Hash {
    match Kernel::available().next() {
        Some(kernel) => kernel.hash_one(message),
        None => digest(message),
    }
}

/// Appends the hashes of the messages, in order.
pub(super) fn hash_all<M: Message>(messages: impl Iterator<Item = M>, hashes: &mut Vec<Hash>) {
    match Kernel::available().next() {
        Some(kernel) => kernel.hash_all(messages, hashes),
        None => hashes.extend(messages.map(|message| digest(&message))),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use sha2::{Digest as _, Sha256};

    use super::super::{Leaf, Node};
    use super::Kernel;
    use crate::Hash;

    /// Bytes without a pattern (xorshift), the same in every run.
    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    fn digest(prefix: u8, parts: &[&[u8]]) -> Hash {
        let state = parts.iter().fold(Sha256::new().chain_update([prefix]), Sha256::chain_update);
        Hash::from_bytes(state.finalize().into())
    }

    #[test]
    fn every_kernel_hashes_nodes_as_the_sha2_crate_at_every_ragged_count() {
        let bytes = noise(1, 64 * 300);
        let pairs: Vec<[Hash; 2]> = bytes
            .as_chunks::<64>()
            .0
            .iter()
            .map(|pair| [0, 1].map(|side| Hash::try_from(&pair[32 * side..][..32]).unwrap()))
            .collect();
        let expected: Vec<Hash> =
            pairs.iter().map(|[left, right]| digest(0x01, &[left.as_ref(), right.as_ref()])).collect();
        for kernel in Kernel::available() {
            for count in 0..=pairs.len() {
                let mut hashes = Vec::new();
                kernel.hash_all(pairs[..count].iter().map(|[left, right]| Node(left, right)), &mut hashes);
                assert_eq!(hashes, expected[..count], "{kernel:?}");
            }
        }
    }

    #[test]
    fn every_kernel_hashes_entries_of_every_length_as_the_sha2_crate() {
        let entries: Vec<Vec<u8>> = (0..300).map(|length| noise(2, length)).collect();
        let expected: Vec<Hash> = entries.iter().map(|entry| digest(0x00, &[entry])).collect();
        for kernel in Kernel::available() {
            let one_by_one: Vec<Hash> = entries.iter().map(|entry| kernel.hash_one(&Leaf(entry))).collect();
            assert_eq!(one_by_one, expected, "{kernel:?}");
            // Runs of one length fill the lanes; the lengths one after the other change block counts within a group.
            for begin in 0..17 {
                let mut hashes = Vec::new();
                kernel.hash_all(entries[begin..].iter().map(|entry| Leaf(entry)), &mut hashes);
                assert_eq!(hashes, expected[begin..], "{kernel:?}");
            }
        }
    }

    /// What the other tests run on: a kernel that the processor has and that is not found would leave them empty.
    #[test]
    #[cfg(feature = "std")]
    fn every_kernel_that_the_processor_has_is_found() {
        let has_sha = std::arch::is_x86_feature_detected!("sha")
            && std::arch::is_x86_feature_detected!("sse4.1")
            && std::arch::is_x86_feature_detected!("ssse3");
        let found = |name| Kernel::available().any(|kernel| alloc::format!("{kernel:?}").contains(name));
        assert_eq!(found("ShaNi"), has_sha);
        assert_eq!(found("Avx2"), std::arch::is_x86_feature_detected!("avx2"));
    }

    #[test]
    fn every_kernel_keeps_the_lanes_apart() {
        for length in [0, 1, 54, 55, 62, 63, 64, 118, 119, 126, 127, 128, 1_000] {
            let entries: Vec<Vec<u8>> = (0..23).map(|seed| noise(seed, length)).collect();
            let expected: Vec<Hash> = entries.iter().map(|entry| digest(0x00, &[entry])).collect();
            for kernel in Kernel::available() {
                let mut hashes = Vec::new();
                kernel.hash_all(entries.iter().map(|entry| Leaf(entry)), &mut hashes);
                assert_eq!(hashes, expected, "{kernel:?} {length}");
            }
        }
    }
}
