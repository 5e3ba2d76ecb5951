//! More than a message, a header or a statement may be.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arrow::{
    array::{Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema},
};
use futures::future::join_all;
use tonic::{Code, Status};

use super::{
    PATIENCE,
    client::{ingest, statement},
    raw::{self, Outcome},
    reveals_nothing,
    server::{SECRET, Served},
    told,
    watch::Watch,
};

#[tokio::test(flavor = "multi_thread")]
async fn messages_beyond_the_limit_are_refused() {
    let mut served = Served::start("max_message_mb = 1");
    let ana = served.client("ana").await;
    let watch = Watch::over(&served).await;
    let schema = Schema::new(vec![Field::new("word", DataType::Utf8, true)]);
    let mut refused = 0;
    for megabytes in [2, 16, 64] {
        let text = format!("SELECT '{}'", "x".repeat(megabytes << 20));
        let status = ana.query(&text).await.unwrap_err();
        assert!(matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted), "{status:?}");
        reveals_nothing(&status, &["xxxxx"]);
        let words: Arc<dyn Array> = Arc::new(StringArray::from(vec![SECRET.repeat((megabytes << 20) / SECRET.len())]));
        let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![words]).unwrap();
        let status = ana.put_rows(&ingest("lab", "large", false), &schema, &[batch]).await.unwrap_err();
        let expected = [Code::OutOfRange, Code::ResourceExhausted, Code::InvalidArgument];
        assert!(expected.contains(&status.code()), "{status:?}");
        reveals_nothing(&status, &[SECRET]);
        refused += 2;
    }
    let left = ana.query("SELECT * FROM lab.large").await.unwrap_err();
    assert_eq!(left.code(), Code::InvalidArgument, "no part of it was written: {left:?}");
    watch.finish(&mut served, &format!("{refused} messages of 2 to 64 MiB where one may have 1")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_header_is_refused() {
    let mut served = Served::start("");
    let token = served.token("ana").await;
    let watch = Watch::over(&served).await;
    let mut taken = Vec::new();
    for kilobytes in [15, 100, 1000, 8000] {
        let value = "x".repeat(kilobytes << 10);
        let block = raw::header_block("ListActions", &token, &[("x-sluice-purpose", &value)]);
        let mut bytes = raw::greeting();
        let mut pieces = block.chunks(16_000).peekable();
        let mut kind = raw::HEADERS;
        while let Some(piece) = pieces.next() {
            bytes.extend(raw::frame(kind, if pieces.peek().is_none() { 4 } else { 0 }, 1, piece));
            kind = raw::CONTINUATION;
        }
        bytes.extend(raw::frame(raw::DATA, raw::END_STREAM, 1, &raw::message(0, b"")));
        let outcome = raw::sent(served.address, &bytes, PATIENCE).await;
        assert_ne!(outcome, Outcome::Silence, "{kilobytes} KiB");
        taken.push(format!("{kilobytes} KiB {outcome:?}"));
    }
    watch.finish(&mut served, &format!("headers of {}", taken.join(", "))).await;
}

/// What is long to read, of `length` bytes each.
fn long_texts(length: usize) -> Vec<(&'static str, String)> {
    let many = |piece: &str| piece.repeat(length / piece.len());
    vec![
        ("a long list", format!("SELECT n FROM open.numbers WHERE n IN (1{})", many(",1"))),
        ("a long sum", format!("SELECT 1{}", many(" + 1"))),
        ("a deep nest", format!("SELECT {}1", many("("))),
        ("many signs", format!("SELECT {}1", many("- "))),
        ("many negations", format!("SELECT {}true", many("NOT "))),
        ("many unions", format!("SELECT 1{}", many(" UNION ALL SELECT 1"))),
        ("many statements", many("SELECT 1;")),
        ("many joins", format!("SELECT 1 FROM open.numbers n{}", many(", open.numbers"))),
        ("many subqueries", format!("SELECT {}1", many("(SELECT "))),
        ("many conditions", format!("SELECT CASE {}END", many("WHEN true THEN 1 "))),
        ("a long text", format!("SELECT '{}'", many("x"))),
        ("a long name", format!("SELECT 1 AS \"{}\"", many("x"))),
        ("a long comment", format!("SELECT 1 --{}", many("x"))),
        ("an open quote", format!("SELECT '{}", many("x"))),
        ("many parameters", format!("SELECT ?{}", many(", ?"))),
        ("many columns", format!("SELECT n{} FROM open.numbers", many(", n"))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_are_answered_or_refused_and_hold_nobody_up() {
    let mut served = Served::start("statement_timeout_s = 20");
    let ana = served.client("ana").await;
    // What is announced is held until it expires.
    let watch = Watch::over(&served).await.keeping(128);
    let texts: Vec<_> = [5_000, 50_000, 200_000, 900_000].into_iter().flat_map(long_texts).collect();
    let started = Instant::now();
    let answers = join_all(texts.iter().map(|(what, text)| {
        let ana = ana.clone();
        async move { (*what, super::in_time(what, ana.info(&statement(text))).await) }
    }))
    .await;
    let mut refused = 0;
    for (what, answer) in answers {
        if let Err(status) = answer {
            assert!(served.is_there(), "the server is gone after one of these texts");
            let expected = [Code::InvalidArgument, Code::ResourceExhausted, Code::DeadlineExceeded];
            assert!(expected.contains(&status.code()), "{what}: {:?}", told(&status));
            reveals_nothing(&status, &[]);
            refused += 1;
        }
    }
    let what = format!("{} texts of 5 to 900 kB in {:.1?}, {refused} refused", texts.len(), started.elapsed());
    watch.finish(&mut served, &what).await;
}

/// What a parser reads in a loop and answers as a tree that is as deep as the text is long.
fn chains(length: usize) -> Vec<(&'static str, String)> {
    let many = |piece: &str| piece.repeat(length);
    vec![
        ("a sum", format!("SELECT 1{}", many(" + 1"))),
        ("a conjunction", format!("SELECT n FROM open.numbers WHERE n > 1{}", many(" AND n > 1"))),
        ("a concatenation", format!("SELECT 'a'{}", many(" || 'a'"))),
        ("a comparison", format!("SELECT true{}", many(" = true"))),
        ("a union", format!("SELECT 1{}", many(" UNION ALL SELECT 1"))),
        ("an intersection", format!("SELECT 1{}", many(" INTERSECT SELECT 1"))),
        ("casts", format!("SELECT 1{}", many("::int"))),
        ("tests for null", format!("SELECT 1{}", many(" IS NULL"))),
        ("subscripts", format!("SELECT [1]{}", many("[1]"))),
        ("joins", format!("SELECT 1 FROM open.numbers{}", many(" CROSS JOIN open.numbers"))),
        ("time zones", format!("SELECT now(){}", many(" AT TIME ZONE 'UTC'"))),
        (
            "common tables",
            format!("WITH t0 AS (SELECT 1){} SELECT 1", {
                let steps = (1..length.min(4000)).map(|step| format!(", t{step} AS (SELECT * FROM t{})", step - 1));
                steps.collect::<String>()
            }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn long_chains_are_answered_or_refused() {
    let mut served = Served::start("statement_timeout_s = 20");
    let ana = served.client("ana").await;
    let watch = Watch::over(&served).await;
    let (mut answered, mut refused) = (0, 0);
    let mut slowest = (Duration::ZERO, 0, "");
    for length in [30, 100, 300, 1000, 3000, 10_000, 40_000] {
        for (what, text) in chains(length) {
            let asked = Instant::now();
            let answer = super::in_time(what, ana.query(&text)).await;
            slowest = slowest.max((asked.elapsed(), length, what));
            if asked.elapsed() > Duration::from_secs(2) {
                println!("flight: {length} links of {what} took {:.1?}", asked.elapsed());
            }
            match answer {
                Ok(_) => answered += 1,
                Err(status) => {
                    assert!(served.is_there(), "the server is gone after {length} links of {what}");
                    let expected = [Code::InvalidArgument, Code::ResourceExhausted, Code::DeadlineExceeded];
                    assert!(expected.contains(&status.code()), "{length} of {what}: {:?}", told(&status));
                    reveals_nothing(&status, &[]);
                    refused += 1;
                }
            }
        }
    }
    assert!(answered >= 11, "chains of 30 are nothing unusual, and {answered} chains were answered");
    let what = format!("chains of 30 to 40,000 links, {answered} answered, {refused} refused, the slowest {slowest:?}");
    watch.finish(&mut served, &what).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_value_in_an_answer_is_refused_by_its_size() {
    let mut served = Served::start("max_message_mb = 1\nmax_result_mb = 4");
    let ana = served.client("ana").await;
    let watch = Watch::over(&served).await;
    let exhausted = |status: Status| {
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        reveals_nothing(&status, &["xxxxx"]);
    };
    exhausted(ana.query("SELECT repeat('x', 8000000)").await.unwrap_err());
    exhausted(ana.query(super::server::ENDLESS).await.unwrap_err());
    watch.finish(&mut served, "answers that are too large").await;
}
