//! Ten times as many statements as may run.

use std::time::{Duration, Instant};

use tonic::Code;
use tonic_types::StatusExt;

use super::{reveals_nothing, server::Served, watch::Watch};

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_answered_or_told_when_to_come_back_and_starves_nobody() {
    let settings = "max_statements = 6\nmax_statements_per_principal = 4\nmax_queued = 12\nqueue_timeout_s = 5";
    let mut served = Served::start(settings);
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(served.client("ana").await);
    }
    let watch = Watch::over(&served).await;
    let started = Instant::now();
    let calls = (0..60).map(|call| {
        let ana = clients[call % clients.len()].clone();
        let text = "SELECT count(*) AS n FROM open.numbers a, open.numbers b WHERE a.n + b.n > 10";
        tokio::spawn(async move { ana.texts(text).await })
    });
    let (mut answered, mut refused) = (0, 0);
    for call in calls.collect::<Vec<_>>() {
        match super::in_time("an answer to one of a crowd", call).await.unwrap() {
            Ok(rows) => {
                assert_eq!(rows, ["999934"]);
                answered += 1;
            }
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                let retry = status.get_details_retry_info().and_then(|retry| retry.retry_delay);
                let retry = retry.unwrap_or_else(|| panic!("no RetryInfo: {status:?}"));
                assert!(retry > Duration::ZERO && retry <= Duration::from_secs(60), "{retry:?}");
                reveals_nothing(&status, &["ana", "numbers"]);
                refused += 1;
            }
        }
    }
    let took = started.elapsed();
    assert!(answered >= 4, "{answered} were answered");
    assert!(refused > 0, "60 at once were all let in");
    watch.finish(&mut served, &format!("60 at once in {took:.1?}: {answered} answered, {refused} refused")).await;
}
