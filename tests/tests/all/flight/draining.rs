//! The end of a server: nobody is let in any more, and nobody who is in is cut off.

use tokio::net::TcpStream;

use super::{
    client::{statement, ticket_of},
    eventually, in_time,
    server::Served,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_lets_nobody_in_and_sends_what_it_has_begun() {
    let mut served = Served::start("");
    let ana = served.client("ana").await;
    let text = "SELECT repeat('x', 1000) AS x, a.n FROM open.numbers a, open.numbers b WHERE b.n < 100";
    let info = ana.info(&statement(text)).await.unwrap();
    let mut messages = ana.open(ticket_of(&info)).await.unwrap();
    let mut rows = 0;
    rows += in_time("the first rows", messages.message()).await.unwrap().map_or(0, |_| 1);

    served.terminate();
    let address = served.address;
    eventually("a closed door", async || TcpStream::connect(address).await.is_err()).await;
    assert!(served.is_there(), "the server ended amid an answer");
    let mut bytes = 0;
    while let Some(message) = in_time("the rest", messages.message()).await.unwrap() {
        bytes += message.data_body.len();
        rows += 1;
    }
    assert!(bytes > 100_000_000, "{bytes} bytes in {rows} messages");
    drop((messages, ana));
    assert!(in_time("the end", served.ended()).await.success());
}
