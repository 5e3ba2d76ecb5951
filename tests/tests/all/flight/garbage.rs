//! Bytes that are no calls, and calls whose messages are none.

use std::time::Duration;

use super::{
    client::{descriptor, statement},
    raw::{self, CONTINUATION, DATA, END_STREAM, HEADERS, Noise, Outcome, SETTINGS},
    server::Served,
    watch::Watch,
};
use prost::Message;

/// How long a server may take to see that bytes are nonsense.
const PATIENCE: Duration = Duration::from_secs(20);

const METHODS: [&str; 10] = [
    "Handshake",
    "ListFlights",
    "GetFlightInfo",
    "PollFlightInfo",
    "GetSchema",
    "DoGet",
    "DoPut",
    "DoExchange",
    "DoAction",
    "ListActions",
];

#[tokio::test(flavor = "multi_thread")]
async fn garbage_ends_its_own_connection_and_no_other() {
    let mut served = Served::start("");
    let token = served.token("ana").await;
    let watch = Watch::over(&served).await;
    let mut noise = Noise::new(7);
    let mut sent: Vec<(&str, Vec<u8>)> = Vec::new();
    for _ in 0..40 {
        let length = 64 + usize::try_from(noise.next() % 4096).unwrap();
        sent.push(("noise", noise.bytes(length)));
        sent.push(("noise after the preface", [raw::PREFACE, &noise.bytes(length)].concat()));
        // A length that is plausible, so that the noise behind is read as frames.
        let frame = raw::frame(u8::try_from(noise.next() % 12).unwrap(), noise.bytes(1)[0], 1, &noise.bytes(64));
        sent.push(("a frame of noise", [raw::greeting(), frame, raw::frame(250, 0, 0, &[])].concat()));
    }
    sent.push(("HTTP/1", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()));
    sent.push(("HTTP/1 to the service", b"POST /arrow.flight.protocol.FlightService/DoGet HTTP/1.1\r\n\r\n".to_vec()));
    sent.push(("TLS", [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &noise.bytes(512)].concat()));
    sent.push(("a frame of 16 MiB", [raw::greeting(), vec![0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1]].concat()));
    sent.push(("data without a stream", [raw::greeting(), raw::frame(DATA, 0, 1, b"x")].concat()));
    sent.push(("settings of a wrong size", [raw::PREFACE, &raw::frame(SETTINGS, 0, 0, &[1, 2, 3])].concat()));
    sent.push(("a header block of noise", [raw::greeting(), raw::frame(HEADERS, 5, 1, &noise.bytes(200))].concat()));
    let mut flood = raw::greeting();
    flood.extend(raw::frame(HEADERS, 0, 1, &raw::header_block("DoGet", &token, &[])));
    for _ in 0..20_000 {
        flood.extend(raw::frame(CONTINUATION, 0, 1, &[0, 1, b'a', 1, b'b']));
    }
    sent.push(("headers without end", flood));

    let mut outcomes = [0; 4];
    let mut silent = Vec::new();
    for (what, bytes) in &sent {
        let outcome =
            raw::sent(served.address, bytes, if *what == "a frame of noise" { QUIET } else { PATIENCE }).await;
        outcomes[outcome as usize] += 1;
        // Frames of unknown kinds are to be ignored (RFC 9113, 4.1), so some noise is no error.
        if outcome == Outcome::Silence && *what != "a frame of noise" {
            silent.push(*what);
        }
        assert_ne!(outcome, Outcome::Answered, "{what}");
    }
    let [_, reset, closed, ignored] = outcomes;
    let what = format!("{} kinds of garbage: {closed} closed, {reset} reset, {ignored} ignored", sent.len());
    watch.finish(&mut served, &what).await;
    assert_eq!(silent, [""; 0], "the server waits for more of these");
}

/// How long to wait where nothing may come.
const QUIET: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread")]
async fn broken_messages_are_answered_each_to_its_own_call() {
    let mut served = Served::start("");
    let token = served.token("ana").await;
    let watch = Watch::over(&served).await;
    let mut noise = Noise::new(11);
    let good = descriptor(&statement("SELECT n FROM open.numbers")).encode_to_vec();
    let length = u32::try_from(good.len()).unwrap();
    let mut calls = 0;
    for method in METHODS {
        let mut bodies = vec![
            Vec::new(),
            vec![0, 0],
            raw::message(length + 1, &good),
            raw::message(u32::MAX, &good),
            raw::message(length - 1, &good),
            raw::message(0, &good),
            // Compressed, it says.
            [&[1], &raw::message(length, &good)[1..]].concat(),
            [&[7], &raw::message(length, &good)[1..]].concat(),
            // Twice, where one is wanted.
            [raw::message(length, &good), raw::message(length, &good)].concat(),
        ];
        for cut in 1..good.len().min(12) {
            bodies.push(raw::message(u32::try_from(cut).unwrap(), &good[..cut]));
        }
        for _ in 0..8 {
            let bytes = noise.bytes(40);
            bodies.push(raw::message(40, &bytes));
        }
        for body in bodies {
            let data = raw::frame(DATA, END_STREAM, 1, &body);
            let bytes = [raw::greeting(), raw::call(1, method, &token, &[]), data].concat();
            let outcome = raw::sent(served.address, &bytes, PATIENCE).await;
            assert!(matches!(outcome, Outcome::Answered | Outcome::Reset), "{method} {body:?}: {outcome:?}");
            calls += 1;
        }
    }
    watch.finish(&mut served, &format!("{calls} calls with broken messages")).await;
}
