//! Bad clients against the real server process: what they send, hold, forge, drop, guess and ask for changes nothing for
//! anybody else, tells nothing, and leaves nothing behind.
//!
//! Every test runs a server of its own, with limits low enough to be reached in seconds. [`watch::Watch`] stands beside
//! each: another principal who keeps asking, the memory of the process, and its log.

mod client;
mod crowd;
mod draining;
mod fuzz;
mod garbage;
mod half_open;
mod handles;
mod hostile_rows;
mod invisible;
mod leftovers;
mod logins;
mod oversized;
mod polled;
mod raw;
mod replaced;
mod revoked;
mod schemas;
mod server;
mod slow_readers;
mod substrait;
mod traces;
mod vanishing;
mod watch;

use std::time::{Duration, Instant};

use tonic::Status;

/// How long a test waits for what must happen. A shared machine can be very slow; what never happens still fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until the answer is yes.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what} did not come about within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What comes, or never does where something is broken.
async fn in_time<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} took longer than {PATIENCE:?}"))
}

/// A status without what is its own for every call: all that somebody could learn from it.
fn told(status: &Status) -> (tonic::Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

/// No status may say how the server is made, where it keeps its files, or what `secrets` are.
#[track_caller]
fn reveals_nothing(status: &Status, secrets: &[&str]) {
    let message = status.message();
    assert!(message.len() <= 2000, "{} bytes of message", message.len());
    let inner =
        ["panicked", ".rs:", "::", "/tmp", "/root", "/home", "DataFusion", "ArrowError", "FlightError", "Status {"];
    let details = String::from_utf8_lossy(status.details());
    for word in inner.iter().chain(secrets) {
        assert!(!message.contains(word), "`{word}` is in `{message}`");
        assert!(!details.contains(word), "`{word}` is in the details of `{message}`: {details}");
    }
}
