//! Checks that a log has an entry, with nothing but a proof (C2SP tlog-proof), the entry, and the keys that the reader
//! trusts: no network, no database, no other crate of the workspace.
//!
//! ```text
//! verify_proof PROOF ENTRY LOG_KEY [WITNESS_KEY]…
//! ```
//!
//! PROOF and ENTRY are files, the keys are texts ("vkeys"). The log's name is its key's name, and every witness that is
//! named must have cosigned. Exit code 0: the entry is in the log; 1: it is not proved; 2: wrong usage or input.
//!
//! Making proofs is not here.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::process::ExitCode;

use veritrail_merkle::cosignature::{Trust, WitnessKey};
use veritrail_merkle::note::VerifierKey;
use veritrail_merkle::tlog_proof::{MAX_PROOF_BYTES, TlogProof, TlogProofError};
use veritrail_merkle::{Sha256Hasher, TreeHasher as _};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(verdict) => {
            println!("{verdict}");
            ExitCode::SUCCESS
        }
        Err(Failure::NotProved(reason)) => {
            println!("not proved: {reason}");
            ExitCode::from(1)
        }
        Err(Failure::Input(reason)) => {
            eprintln!("error: {reason}");
            ExitCode::from(2)
        }
    }
}

/// Why there is no verdict of yes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The proof was read and proves nothing.
    NotProved(String),
    /// There was nothing to check.
    Input(String),
}

/// Checks what the command line names, and says what is proved.
pub(crate) fn run(arguments: &[String]) -> Result<String, Failure> {
    let [proof, entry, log_key, witnesses @ ..] = arguments else {
        return Err(Failure::Input("usage: verify_proof PROOF ENTRY LOG_KEY [WITNESS_KEY]…".into()));
    };
    let proof: TlogProof = read(proof)?.parse().map_err(|error| Failure::Input(chain(&error)))?;
    let entry = fs::read(entry).map_err(|error| Failure::Input(format!("{entry}: {error}")))?;
    let log_key: VerifierKey = key(log_key)?;
    let witnesses = witnesses.iter().map(|text| key(text)).collect::<Result<Vec<WitnessKey>, _>>()?;
    // A key that is named twice is one witness.
    let distinct: BTreeSet<_> = witnesses.iter().map(|witness| *witness.public_key()).collect();
    let trust = Trust {
        origin: log_key.name(),
        log_keys: std::slice::from_ref(&log_key),
        witnesses: &witnesses,
        quorum: distinct.len(),
    };
    let leaf_hash = Sha256Hasher.hash_leaf(&entry);
    let trusted = proof.verify(&leaf_hash, &trust).map_err(|error| Failure::NotProved(chain(&error)))?;
    let (index, size, origin) = (proof.index(), trusted.checkpoint.size, trusted.checkpoint.origin);
    let cosigned = trusted.cosigned_by.len();
    Ok(format!("entry {index} of the {size} in {origin}, signed by the log and {cosigned} of its witnesses"))
}

fn read(path: &str) -> Result<String, Failure> {
    let length = fs::metadata(path).map_err(|error| Failure::Input(format!("{path}: {error}")))?.len();
    if length > MAX_PROOF_BYTES as u64 {
        let actual = usize::try_from(length).unwrap_or(usize::MAX);
        return Err(Failure::Input(format!("{path}: {}", TlogProofError::TooLong { actual })));
    }
    fs::read_to_string(path).map_err(|error| Failure::Input(format!("{path}: {error}")))
}

fn key<K: std::str::FromStr<Err = veritrail_merkle::note::KeyError>>(text: &str) -> Result<K, Failure> {
    text.parse().map_err(|error| Failure::Input(format!("key {text:?}: {error}")))
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
