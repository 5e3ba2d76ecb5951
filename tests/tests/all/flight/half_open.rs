//! Calls that begin and do not go on.

use std::{sync::Arc, time::Instant};

use arrow::{
    array::{Array, Int64Array, RecordBatch},
    datatypes::{DataType, Field, Schema},
};
use futures::{StreamExt, stream};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tonic::Code;

use super::{
    client::{ingest, prepared_query, rows_of, statement, ticket_of},
    eventually, in_time,
    raw::{self, Outcome},
    reveals_nothing,
    server::{ENDLESS, Served},
    watch::Watch,
};

/// Two at once for each, three for all, and two seconds of patience with those who do not go on.
const SETTINGS: &str = "max_statements = 3\nmax_statements_per_principal = 2\nstalled_stream_timeout_s = 2";

fn numbers() -> (Schema, RecordBatch) {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
    let column: Arc<dyn Array> = Arc::new(Int64Array::from_iter_values(0..1000));
    let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![column]).unwrap();
    (schema, batch)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_stops_is_ended_and_leaves_nothing() {
    let mut served = Served::start(SETTINGS);
    let ana = served.client("ana").await;
    let watch = Watch::over(&served).await;
    let (schema, batch) = numbers();
    let started = Instant::now();
    // Nothing at all, and only the columns, and rows without an end.
    let silent = (0..4).map(|_| Vec::new());
    let columns_only = ["a", "b"].map(|table| rows_of(&ingest("lab", table, false), &schema, &[]));
    let rows = ["c", "d"].map(|table| rows_of(&ingest("lab", table, false), &schema, &[batch.clone(), batch.clone()]));
    let prepared = ana.prepare("SELECT n FROM open.numbers WHERE n = ?").await.unwrap();
    let parameters = rows_of(&prepared_query(&prepared), &schema, &[]);
    let puts: Vec<_> = silent.chain(columns_only).chain(rows).chain([parameters]).collect();
    let calls = puts.into_iter().map(|messages| {
        let ana = ana.clone();
        tokio::spawn(async move { ana.put(stream::iter(messages).chain(stream::pending())).await })
    });
    let calls: Vec<_> = calls.collect();
    let count = calls.len();
    for call in calls {
        let status = in_time("the end of a put that has stopped", call).await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
        reveals_nothing(&status, &["lab"]);
    }
    let took = started.elapsed();
    served.at_rest().await;
    for table in ["a", "b", "c", "d"] {
        let status = ana.query(&format!("SELECT * FROM lab.{table}")).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{table} is there: {status:?}");
    }
    watch.finish(&mut served, &format!("{count} puts that stop, all ended after {took:.1?}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_never_read_frees_its_place() {
    let mut served = Served::start(SETTINGS);
    let watch = Watch::over(&served).await;
    let mut held = Vec::new();
    let started = Instant::now();
    for _ in 0..2 {
        // On a connection each, so that each has a window of its own that is full.
        let ana = served.client("ana").await;
        let info = ana.info(&statement(ENDLESS)).await.unwrap();
        held.push((ana.open(ticket_of(&info)).await.unwrap(), ana));
    }
    let running = served.metric("sluice_running_statements").await;
    served.at_rest().await;
    let took = started.elapsed();
    for (messages, _) in &mut held {
        // What was on its way is read, then comes the end.
        let status = loop {
            match in_time("the end of an unread answer", messages.message()).await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("an endless answer has ended"),
                Err(status) => break status,
            }
        };
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
        reveals_nothing(&status, &["xxxx"]);
    }
    watch.finish(&mut served, &format!("{running} answers unread, their places free after {took:.1?}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_take_nothing_and_are_closed() {
    let mut served = Served::start("");
    let token = served.token("ana").await;
    let watch = Watch::over(&served).await;
    let call = raw::call(1, "GetFlightInfo", &token, &[]);
    let beginnings: [Vec<u8>; 5] = [
        Vec::new(),
        raw::PREFACE[..10].to_vec(),
        raw::greeting(),
        [raw::greeting(), call[..call.len() / 2].to_vec()].concat(),
        // Half of a message, whose other half is never sent.
        [raw::greeting(), call, raw::frame(raw::DATA, 0, 1, &raw::message(100, b"half"))].concat(),
    ];
    let mut open = Vec::new();
    for _ in 0..60 {
        for beginning in &beginnings {
            let mut socket = TcpStream::connect(served.address).await.unwrap();
            socket.write_all(beginning).await.unwrap();
            open.push(socket);
        }
    }
    let count = open.len();
    // A new connection is answered beside them.
    served.client("ana").await.query("SELECT 1").await.unwrap();
    // They never answer a ping, and some never get so far as to be sent one.
    let started = Instant::now();
    for mut socket in open {
        in_time("the end of a silent connection", async {
            while raw::outcome(&mut socket).await != Outcome::Closed {}
        })
        .await;
    }
    let took = started.elapsed();
    eventually("few sessions", async || served.metric("sluice_sessions").await < 10).await;
    watch.finish(&mut served, &format!("{count} silent connections, all closed after {took:.1?}")).await;
}
