//! Guessing passwords and tokens.

use std::time::{Duration, Instant};

use tonic::{Code, Status};

use super::{
    client::{Client, statement},
    in_time, reveals_nothing,
    server::Served,
    told,
    watch::Watch,
};

/// `name:password` in base64, for what is three bytes at a time.
fn basic(name: &str, password: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = "Basic ".to_owned();
    for group in format!("{name}:{password}").as_bytes().chunks(3) {
        let bits = group.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        text.extend((0..=group.len()).map(|at| char::from(LETTERS[bits >> (18 - 6 * at) & 63])));
    }
    text
}

async fn refused(client: &Client) -> (Status, Duration) {
    let asked = Instant::now();
    let status = in_time("a refusal", client.info(&statement("SELECT 1"))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
    reveals_nothing(&status, &["ana", "correct", "nobody"]);
    (status, asked.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_take_longer_each_time_and_all_look_alike() {
    let mut served = Served::start("");
    served.admin().await.query("ALTER USER ana SET PASSWORD 'correct horse'").await.unwrap();
    let anybody = Client::connect(served.address).await;
    let watch = Watch::over(&served).await;
    let real = served.token("ana").await;
    let mut changed = real.clone();
    changed.replace_range(10..11, if &real[10..11] == "0" { "1" } else { "0" });
    let guesses = [
        basic("ana", "wrong"),
        basic("nobody", "correct horse"),
        format!("Bearer {changed}"),
        "Bearer a.b.c".to_owned(),
        "Basic !".to_owned(),
        "Negotiate x".to_owned(),
    ];
    let mut waits = Vec::new();
    let mut texts = Vec::new();
    for guess in &guesses {
        let (status, wait) = refused(&anybody.clone().with("authorization", guess)).await;
        waits.push(wait);
        texts.push(told(&status));
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:#?}");
    // A tenth of a second after the first, twice as much after each that follows.
    for (before, wait) in waits.iter().enumerate() {
        assert!(*wait >= Duration::from_millis(100 << before), "guess {before} was answered after {wait:?}");
    }
    let right = Instant::now();
    anybody.clone().with("authorization", &basic("ana", "correct horse")).info(&statement("SELECT 1")).await.unwrap();
    let right = right.elapsed();
    anybody.bearing(&real).query("SELECT 1").await.unwrap();
    let millis: Vec<_> = waits.iter().map(Duration::as_millis).collect();
    watch.finish(&mut served, &format!("guesses answered after {millis:?} ms, the right one after {right:.1?}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_guesses_at_once_keep_nobody_else_out() {
    let mut served = Served::start("");
    served.admin().await.query("ALTER USER bob SET PASSWORD 'correct horse'").await.unwrap();
    let watch = Watch::over(&served).await;
    let mut guessing = Vec::new();
    for connection in 0..8 {
        let anybody = Client::connect(served.address).await;
        for guess in 0..64 {
            let guess = basic("ana", &format!("wrong {connection} {guess}"));
            let client = anybody.clone().with("authorization", &guess);
            guessing.push(tokio::spawn(async move { refused(&client).await.1 }));
        }
    }
    // With all of them on their way, somebody comes who knows the password.
    super::eventually("the first refusals", async || {
        served.metric("sluice_authentication_failures_total").await > 0
            || guessing.iter().any(|guess| guess.is_finished())
    })
    .await;
    let bob = Client::connect(served.address).await.with("authorization", &basic("bob", "correct horse"));
    let asked = Instant::now();
    in_time("an innocent login", bob.info(&statement("SELECT 1"))).await.unwrap();
    let login = asked.elapsed();
    let open = guessing.iter().filter(|guess| !guess.is_finished()).count();
    for guess in &guessing {
        guess.abort();
    }
    assert!(login < Duration::from_secs(10), "an innocent login took {login:?}");
    let what = format!("512 guesses at once, an innocent login beside {open} of them in {login:.1?}");
    watch.finish(&mut served, &what).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_on_every_call_leaves_no_heap_of_sessions() {
    let mut served = Served::start("");
    served.admin().await.query("ALTER USER ana SET PASSWORD 'correct horse'").await.unwrap();
    let ana = Client::connect(served.address).await.with("authorization", &basic("ana", "correct horse"));
    let watch = Watch::over(&served).await;
    for _ in 0..300 {
        ana.info(&statement("SELECT 1")).await.unwrap();
    }
    let sessions = served.metric("sluice_sessions").await;
    // Its own, that of the watch, and those of whoever set things up.
    assert!(sessions <= 8, "{sessions} sessions are open");
    watch.finish(&mut served, &format!("300 calls with a password each, {sessions} sessions open")).await;
}
