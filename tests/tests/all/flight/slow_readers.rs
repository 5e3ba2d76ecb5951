//! Readers of one message a second, who then stop.

use std::time::{Duration, Instant};

use super::{
    client::{statement, ticket_of},
    in_time,
    server::{ENDLESS, Served},
    watch::Watch,
};

/// How much more memory the process may have in use while eight answers without end wait to be read, in mebibytes: a
/// message or two for each, and the batches that they are made of.
const HELD_MB: u64 = 400;

/// Eight clients read four messages each, one a second, and then stop; answers the most memory that was in use.
async fn read_slowly(served: &Served) -> (u64, usize, Duration) {
    let mut readers = Vec::new();
    for _ in 0..8 {
        let ana = served.client("ana").await;
        let info = ana.info(&statement(ENDLESS)).await.unwrap();
        readers.push((ana.open(ticket_of(&info)).await.unwrap(), ana));
    }
    let (mut most_mb, mut bytes) = (0, 0);
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..4 {
        seconds.tick().await;
        for (reader, _) in &mut readers {
            let message = in_time("a message of an endless answer", reader.message()).await.unwrap().unwrap();
            bytes += message.data_body.len();
        }
        most_mb = most_mb.max(served.resident_mb());
    }
    assert!(served.metric("sluice_running_statements").await >= 8, "who reads on is not cut off");
    let stopped = Instant::now();
    super::eventually("the end of what nobody reads", async || {
        most_mb = most_mb.max(served.resident_mb());
        served.metric("sluice_running_statements").await < 8
    })
    .await;
    served.at_rest().await;
    (most_mb, bytes >> 20, stopped.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_hold_little_memory_and_no_place_for_ever() {
    let mut served = Served::start("max_statements = 10\nstalled_stream_timeout_s = 6");
    let watch = Watch::over(&served).await;
    let before_mb = watch.resident_before_mb();
    let (first_mb, megabytes, took) = read_slowly(&served).await;
    let (second_mb, ..) = read_slowly(&served).await;
    let most_mb = first_mb.max(second_mb);
    let what = format!(
        "twice 8 slow readers of 4 messages each ({megabytes} MiB), at most {most_mb} MiB in use, ended {took:.1?} after \
         the last read"
    );
    watch.finish(&mut served, &what).await;
    assert!(most_mb <= before_mb + HELD_MB, "{most_mb} MiB are in use, {before_mb} MiB were");
}
