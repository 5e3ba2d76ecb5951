//! A thousand clients who connect and are gone.

use std::{net::SocketAddr, time::Duration};

use futures::{StreamExt, stream};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    client::{Client, statement, ticket_of},
    eventually, raw,
    server::{ENDLESS, Served},
    watch::Watch,
};

/// Queries that go on for hours: one that answers rows, and some that answer none for long.
const LONG: [&str; 4] = [
    ENDLESS,
    "SELECT count(*) FROM open.numbers a, open.numbers b, open.numbers c WHERE a.n + b.n + c.n = -1",
    "SELECT a.n, count(*) FROM open.numbers a JOIN open.numbers b ON a.n > b.n - 2000 \
     JOIN open.numbers c ON b.n > c.n - 2000 GROUP BY a.n ORDER BY 2",
    "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 1000000000) SELECT max(i) FROM r",
];

/// How long a query may run on without its client, seen from outside on a busy machine.
const LONGEST: Duration = Duration::from_secs(15);

async fn begun(address: SocketAddr, bytes: Vec<u8>) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(&bytes).await.unwrap();
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_come_and_go_and_nothing_is_left() {
    let mut served = Served::start("max_statements = 8\nmax_statements_per_principal = 6\nmax_queued = 32");
    // One token for all of them: a ticket works in the session that got it.
    let token = served.token("ana").await;
    let ana = Client::connect(served.address).await.bearing(&token);
    let watch = Watch::over(&served).await;
    let call = |method: &str, body: &[u8], flags| {
        let data = raw::frame(raw::DATA, flags, 1, body);
        [raw::greeting(), raw::call(1, method, &token, &[]), data].concat()
    };
    // 900 who hardly begin, in flocks, so that many are there at once.
    let beginnings: [Vec<u8>; 4] =
        [Vec::new(), raw::greeting(), call("DoPut", &[], 0), call("ListActions", &raw::message(0, b""), 1)];
    for _ in 0..9 {
        let flock = (0..100).map(|bird| begun(served.address, beginnings[bird % beginnings.len()].clone()));
        let flock: Vec<_> = stream::iter(flock).buffer_unordered(100).collect().await;
        drop(flock);
    }
    // 100 amid a query, as many at once as may run and some in the queue; each on a connection that is cut.
    let mut cut = 0;
    for wave in 0..10 {
        let mut tickets = Vec::new();
        for client in 0..10 {
            tickets.push(ticket_of(&ana.info(&statement(LONG[(wave + client) % LONG.len()])).await.unwrap()));
        }
        let mut running = Vec::new();
        for ticket in tickets {
            let body = prost::Message::encode_to_vec(&ticket);
            let message = raw::message(u32::try_from(body.len()).unwrap(), &body);
            running.push(begun(served.address, call("DoGet", &message, raw::END_STREAM)).await);
        }
        eventually("six running queries", async || served.metric("sluice_running_statements").await >= 6).await;
        cut += running.len();
        drop(running);
        served.at_rest().await;
    }
    watch.finish(&mut served, &format!("900 clients gone at once and {cut} amid a query, none of which runs on")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_ends_soon_after_its_client_however_busy_it_is() {
    let mut served = Served::start("");
    let mut ended = Vec::new();
    for text in LONG {
        let ana = served.client("ana").await;
        let info = ana.info(&statement(text)).await.unwrap();
        let reading = tokio::spawn(async move { ana.fetch(ticket_of(&info)).await });
        eventually("a running query", async || served.metric("sluice_running_statements").await > 0).await;
        // It has to be at it, not only to be counted.
        eventually("a busy server", async || served.busy(Duration::from_millis(300)).await > 0.5).await;
        reading.abort();
        let gone = std::time::Instant::now();
        served.idle().await;
        ended.push(gone.elapsed());
    }
    assert!(ended.iter().all(|time| *time < LONGEST), "queries ran on for {ended:?}");
    // Somebody else is asked about afterwards: while it asks, a server is never idle.
    let watch = Watch::over(&served).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    watch.finish(&mut served, &format!("{} long queries dropped, ended after {ended:.1?}", LONG.len())).await;
}
