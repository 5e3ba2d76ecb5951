//! Rows that are not what they say: lengths that lie, buffers that are elsewhere, compression that explodes.

use std::sync::Arc;

use arrow::{
    array::{Array, Int64Array, NullArray, RecordBatch, RecordBatchOptions, StringArray},
    datatypes::{DataType, Field, Schema},
    ipc::{
        CompressionType,
        writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions},
    },
};
use arrow_flight::{FlightData, SchemaAsIpc, sql::ProstMessageExt};
use futures::stream;
use prost::bytes::Bytes;
use tonic::Code;

use super::{
    client::{Client, descriptor, ingest, prepared_query, rows_of},
    in_time, reveals_nothing,
    server::{SECRET, Served},
    told,
    watch::Watch,
};

fn one(data_type: DataType, column: Arc<dyn Array>) -> (Schema, RecordBatch) {
    let schema = Schema::new(vec![Field::new("n", data_type, true)]);
    let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![column]).unwrap();
    (schema, batch)
}

fn numbers() -> (Schema, RecordBatch) {
    one(DataType::Int64, Arc::new(Int64Array::from_iter_values(0..100)))
}

/// The messages of a put whose batch is compressed.
fn compressed(command: &impl ProstMessageExt, schema: &Schema, batch: &RecordBatch) -> Vec<FlightData> {
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD)).unwrap();
    let (_, encoded) = IpcDataGenerator::default()
        .encode(batch, &mut DictionaryTracker::new(false), &options, &mut IpcWriteContext::default())
        .unwrap();
    let mut first = FlightData::from(SchemaAsIpc::new(schema, &options));
    first.flight_descriptor = Some(descriptor(command));
    vec![first, encoded.into()]
}

/// Writes `value` over the first eight bytes of `bytes` that are `old`, from the end.
fn overwrite(bytes: &Bytes, old: i64, value: i64) -> Bytes {
    let mut bytes = bytes.to_vec();
    let at = bytes.windows(8).rposition(|window| window == old.to_le_bytes()).expect("the number is in the message");
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    bytes.into()
}

/// A put that lies.
struct Lie {
    what: String,
    messages: Vec<FlightData>,
    /// Whether it cannot be taken for anything else.
    obvious: bool,
}

/// Puts that lie, by what they lie about.
fn lies(command: &impl ProstMessageExt) -> Vec<Lie> {
    let (schema, batch) = numbers();
    let honest = rows_of(command, &schema, std::slice::from_ref(&batch));
    let mut all = Vec::new();
    let mut lie = |what: String, change: &dyn Fn(&mut Vec<FlightData>)| {
        let mut messages = honest.clone();
        change(&mut messages);
        all.push(Lie { what, messages, obvious: true });
    };
    lie("no body".to_owned(), &|messages| messages[1].data_body = Bytes::new());
    lie("half a body".to_owned(), &|messages| messages[1].data_body.truncate(400));
    lie("no header".to_owned(), &|messages| messages[1].data_header = Bytes::new());
    lie("columns without a header".to_owned(), &|messages| messages[0].data_header = Bytes::from_static(b"\xff"));
    for value in [-1, i64::MIN, i64::MAX, 1 << 40, 10_000] {
        // 800 is the length of the values, 100 the number of rows.
        lie(format!("a buffer of {value}"), &|messages| {
            messages[1].data_header = overwrite(&messages[1].data_header, 800, value);
        });
        lie(format!("{value} rows"), &|messages| {
            messages[1].data_header = overwrite(&messages[1].data_header, 100, value);
        });
    }
    for value in [-2, i64::MIN, i64::MAX, 1 << 45, 1 << 62, 1 << 33, 799] {
        let mut messages = compressed(command, &schema, &batch);
        messages[1].data_body = overwrite(&messages[1].data_body, 800, value);
        all.push(Lie { what: format!("{value} bytes when decompressed"), messages, obvious: true });
    }
    for rows in [1_usize << 62, 1 << 40, 1 << 34] {
        let (schema, batch) = one(DataType::Null, Arc::new(NullArray::new(rows)));
        let messages = rows_of(command, &schema, &[batch]);
        all.push(Lie { what: format!("{rows} nulls"), messages, obvious: true });
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let empty = Arc::new(Schema::empty());
        let batch = RecordBatch::try_new_with_options(Arc::clone(&empty), Vec::new(), &options).unwrap();
        let messages = rows_of(command, &empty, &[batch]);
        all.push(Lie { what: format!("{rows} rows without columns"), messages, obvious: true });
    }
    // 200 MiB in some kilobytes, and no lie.
    let bomb = Arc::new(StringArray::from(vec!["x".repeat(200 << 20)]));
    let (schema, batch) = one(DataType::Utf8, bomb);
    all.push(Lie { what: "a bomb".to_owned(), messages: compressed(command, &schema, &batch), obvious: true });
    // What is cut off at the end of a header may be padding.
    for message in 0..honest.len() {
        for length in 0..honest[message].data_header.len() {
            let mut messages = honest.clone();
            messages[message].data_header.truncate(length);
            all.push(Lie { what: format!("message {message} cut to {length}"), messages, obvious: false });
        }
    }
    all
}

async fn put(client: &Client, lie: Lie) {
    let what = lie.what;
    let status = match in_time(&what, client.put(stream::iter(lie.messages))).await {
        Err(status) => status,
        Ok(_) => return assert!(!lie.obvious, "{what} was taken"),
    };
    let expected = [Code::InvalidArgument, Code::ResourceExhausted];
    assert!(expected.contains(&status.code()), "{what}: {:?}", told(&status));
    reveals_nothing(&status, &[SECRET, "xxxx"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_lie_are_refused_and_cost_nothing() {
    let mut served = Served::start("");
    let ana = served.client("ana").await;
    let watch = Watch::over(&served).await;
    let with_one = ana.prepare("SELECT n FROM open.numbers WHERE n = ?").await.unwrap();
    let mut refused = 0;
    for lie in lies(&prepared_query(&with_one)) {
        put(&ana, lie).await;
        served.must_be_well("");
        refused += 1;
    }
    for lie in lies(&ingest("lab", "lies", false)) {
        // One that was taken has made the table, which is then in the way of the next.
        ana.query("DROP TABLE IF EXISTS lab.lies").await.unwrap();
        put(&ana, lie).await;
        served.must_be_well("");
        refused += 1;
    }
    watch.finish(&mut served, &format!("{refused} puts that lie")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_prepared_statements_hold_is_bounded() {
    let mut served = Served::start("");
    let ana = served.client("ana").await;
    let watch = Watch::over(&served).await;
    let before_mb = watch.resident_before_mb();
    // 16 MiB of parameters for each of 40 statements would be 640 MiB.
    let (schema, batch) = one(DataType::Utf8, Arc::new(StringArray::from(vec!["x".repeat(16 << 20)])));
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..40 {
        let handle = ana.prepare("SELECT n FROM open.numbers WHERE arrow_typeof(?) = 'x'").await;
        let bound = match handle {
            Ok(handle) => ana.put_rows(&prepared_query(&handle), &schema, std::slice::from_ref(&batch)).await.map(drop),
            Err(status) => Err(status),
        };
        match bound {
            Ok(()) => taken += 1,
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                refused += 1;
            }
        }
    }
    let most_mb = served.resident_mb();
    // Others have room beside somebody who takes all that there is.
    let bob = served.client("bob").await;
    let handle = bob.prepare("SELECT n FROM open.numbers WHERE n = ?").await.unwrap();
    let (schema, batch) = numbers();
    bob.put_rows(&prepared_query(&handle), &schema, &[batch.slice(7, 1)]).await.unwrap();
    assert_eq!(super::client::first_column(&bob.ask(&prepared_query(&handle)).await.unwrap().1), ["7"]);
    assert!(most_mb < before_mb + 512, "{most_mb} MiB are in use for {taken} prepared statements");
    ana.action("CloseSession", Vec::new()).await.unwrap();
    let what =
        format!("40 prepared statements with 16 MiB each, {taken} taken, {refused} refused, {most_mb} MiB in use");
    watch.finish(&mut served, &what).await;
}
