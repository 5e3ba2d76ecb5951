//! Somebody else, while a bad client is at it: another principal who keeps asking, the server's memory, and its log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;

use super::{client::Client, server::Served};

/// How much more memory the process may have in use after an attack than before, in mebibytes: pages of the program that were
/// not needed before, and what is kept for later. A test may say otherwise.
const KEPT_MB: u64 = 64;

/// How long an innocent query may take meanwhile. Alone it takes some tens of milliseconds in a debug build.
const SLOWEST: Duration = Duration::from_secs(5);

/// Watches from [`Self::over`] to [`Self::finish`].
pub(super) struct Watch {
    resident_before_mb: u64,
    ended: Arc<AtomicBool>,
    asking: JoinHandle<(usize, Duration)>,
    kept_mb: u64,
}

impl Watch {
    /// Begins watching once the server has warmed up: its first queries take memory that later ones use again.
    pub(super) async fn over(served: &Served) -> Self {
        let bob = served.client("bob").await;
        for _ in 0..20 {
            point_query(&bob).await;
        }
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        let asking = tokio::spawn(async move {
            let (mut answered, mut slowest) = (0, Duration::ZERO);
            while !told.load(Ordering::Relaxed) {
                slowest = slowest.max(point_query(&bob).await);
                answered += 1;
                // So that watching is not itself an attack.
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            (answered, slowest)
        });
        Self { resident_before_mb: served.resident_mb(), ended, asking, kept_mb: KEPT_MB }
    }

    /// Allows so many mebibytes more than before to be in use afterwards.
    pub(super) fn keeping(mut self, megabytes: u64) -> Self {
        self.kept_mb = megabytes;
        self
    }

    pub(super) fn resident_before_mb(&self) -> u64 {
        self.resident_before_mb
    }

    /// Says what `what` did to the others, which must be nothing much.
    pub(super) async fn finish(self, served: &mut Served, what: &str) {
        self.ended.store(true, Ordering::Relaxed);
        let asked = super::in_time("the last innocent query", self.asking).await;
        served.must_be_well("");
        let (answered, slowest) = asked.unwrap();
        served.idle().await;
        let most = self.resident_before_mb + self.kept_mb;
        let resident_mb = served.comes_down_to(most).await;
        println!(
            "flight: {what}; meanwhile {answered} queries of another principal, the slowest in {} ms; memory {} MiB \
             before, {resident_mb} MiB after",
            slowest.as_millis(),
            self.resident_before_mb,
        );
        assert!(answered > 0, "nobody else was answered");
        assert!(slowest < SLOWEST, "an innocent query took {slowest:?}");
        assert!(resident_mb <= most, "{resident_mb} MiB are in use after {what}, and {most} may be");
        point_query(&served.client("eve").await).await;
        served.must_be_well("");
    }
}

/// A query that somebody innocent asks; answers how long it took.
async fn point_query(client: &Client) -> Duration {
    let asked = Instant::now();
    let answer = super::in_time("an innocent query", client.texts("SELECT n FROM open.numbers WHERE n = 7")).await;
    assert_eq!(answer.unwrap_or_else(|status| panic!("an innocent query failed: {status:?}")), ["7"]);
    asked.elapsed()
}
