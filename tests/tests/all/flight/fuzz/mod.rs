//! Anything at all, to everything that reads what clients send.
//!
//! The ordinary tests fuzz each target for a second, always alike. `FUZZ_SECONDS` is how long all targets together are
//! fuzzed, and `FUZZ_SEED` where the inputs come from; a run prints it, so that it can be repeated.

mod decoding;
mod headers;
mod messages;
mod mutation;
mod plans;
mod rows;

use std::{
    cell::Cell,
    time::{Duration, Instant, SystemTime},
};

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use tonic::{Code, Status};

use super::server::Served;

/// How many targets there are, each of which gets its share of the time.
const TARGETS: u32 = 9;

/// How long a target is fuzzed.
fn share() -> Duration {
    match std::env::var("FUZZ_SECONDS") {
        Ok(seconds) => Duration::from_secs(seconds.parse().expect("FUZZ_SECONDS is a number")) / TARGETS,
        Err(_) => Duration::from_secs(1),
    }
}

fn seed() -> u64 {
    if let Ok(seed) = std::env::var("FUZZ_SEED") {
        return seed.parse().expect("FUZZ_SEED is a number");
    }
    match std::env::var("FUZZ_SECONDS") {
        Ok(_) => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(),
        Err(_) => 1,
    }
}

/// Gives `target` inputs until its time is up. Where one fails, it is made as small as it can be.
fn fuzz<S: Strategy>(target: &str, inputs: &S, check: impl Fn(&S::Value) -> Result<(), String>) {
    let (seed, share, started) = (seed(), share(), Instant::now());
    let executions = Cell::new(0_u64);
    let mut batch = 0_u64;
    while batch == 0 || started.elapsed() < share {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&batch.to_le_bytes());
        let config = Config { cases: 64, failure_persistence: None, max_shrink_time: 20_000, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        let run = runner.run(inputs, |input| {
            if executions.get() > 0 && started.elapsed() >= share {
                return Ok(());
            }
            executions.set(executions.get() + 1);
            check(&input).map_err(TestCaseError::fail)
        });
        match run {
            Ok(()) => {}
            Err(TestError::Fail(reason, input)) => {
                panic!("{target} failed with FUZZ_SEED={seed} in batch {batch}: {reason}\n{input:?}")
            }
            Err(TestError::Abort(reason)) => panic!("{target} was given up: {reason}"),
        }
        batch += 1;
    }
    println!("fuzz: {target}: {} executions in {:.1?}, FUZZ_SEED={seed}", executions.get(), started.elapsed());
    assert!(executions.get() > 0);
}

/// Does `call`, after which there must be no more panics in the log of `served` than before.
fn without_panic(served: &Served, tolerated: &str, call: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let before = served.panics(tolerated).len();
    let answered = call();
    match served.panics(tolerated).get(before..) {
        Some(new) if !new.is_empty() => Err(format!("the server panicked: {new:?}")),
        _ => answered,
    }
}

/// Whether a status is an answer, and not the sign of a panic or of a bug.
fn is_an_answer(status: &Status) -> Result<(), String> {
    match status.code() {
        // Tonic's word for a message that is none.
        Code::Internal if status.message().contains("failed to decode Protobuf") => Ok(()),
        Code::Internal | Code::Unknown | Code::Unavailable | Code::Aborted | Code::DataLoss | Code::Cancelled => {
            Err(format!("{:?}: {}", status.code(), status.message()))
        }
        _ => {
            // The rest of a text may be what was sent.
            let told = [crate::flight::server::SECRET, "panicked at", "/src/"];
            match told.iter().find(|word| status.message().contains(**word)) {
                Some(word) => Err(format!("`{word}` is in `{}`", status.message())),
                None => Ok(()),
            }
        }
    }
}
