//! Schemas and record batches, to a server: as parameters and as rows for a table.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, DictionaryArray, Int64Array, ListArray, RecordBatch, StringArray, StringViewArray, StructArray,
    },
    datatypes::{DataType, Field, Int32Type, Int64Type, Schema},
};
use arrow_flight::FlightData;
use futures::stream;
use proptest::prelude::*;
use prost::bytes::Bytes;

use super::{fuzz, is_an_answer, mutation::mutated, without_panic};
use crate::flight::{
    PATIENCE,
    client::{ingest, prepared_query, rows_of},
    server::Served,
};

/// Valid messages of columns of many types, some of them nested.
fn columns() -> Vec<(ArrayRef, DataType)> {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("long enough to be no inline view")]));
    let views: ArrayRef = Arc::new(StringViewArray::from_iter(vec![Some("a"), None, Some("long enough for a buffer")]));
    let words: ArrayRef = Arc::new(["a", "b", "a"].into_iter().collect::<DictionaryArray<Int32Type>>());
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([
        Some(vec![Some(1), None]),
        None,
        Some(Vec::new()),
    ]));
    let pairs: ArrayRef =
        Arc::new(StructArray::from(vec![(Arc::new(Field::new("a", DataType::Int64, true)), Arc::clone(&numbers))]));
    let flags: ArrayRef = Arc::new(arrow::array::BooleanArray::from(vec![Some(true), None, Some(false)]));
    let nothing: ArrayRef = Arc::new(arrow::array::NullArray::new(3));
    let all = [numbers, texts, views, words, lists, pairs, flags, nothing];
    all.into_iter().map(|column| (Arc::clone(&column), column.data_type().clone())).collect()
}

#[test]
fn rows() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut served = Served::start("");
    let ana = runtime.block_on(served.client("ana"));
    let prepared = runtime.block_on(ana.prepare("SELECT n FROM open.numbers WHERE n = ?")).unwrap();
    let mut puts: Vec<Vec<FlightData>> = Vec::new();
    for (index, (column, data_type)) in columns().into_iter().enumerate() {
        let schema = Schema::new(vec![Field::new("n", data_type, true)]);
        let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![column]).unwrap();
        puts.push(rows_of(&prepared_query(&prepared), &schema, std::slice::from_ref(&batch)));
        // What is sent whole arrives, so what is mutated is looked at.
        let command = ingest("temp", &format!("fuzzed_{index}"), false);
        runtime.block_on(ana.put_rows(&command, &schema, std::slice::from_ref(&batch))).unwrap();
        puts.push(rows_of(&ingest("temp", &format!("fuzzed_{index}"), true), &schema, &[batch]));
    }
    let puts = (prop::sample::select(puts), any::<prop::sample::Index>(), any::<bool>()).prop_flat_map(
        |(messages, which, header)| {
            let which = which.index(messages.len());
            let part = if header { &messages[which].data_header } else { &messages[which].data_body };
            (mutated(Just(part.to_vec())), Just((messages, which, header)))
        },
    );
    fuzz("rows", &puts, |(bytes, (messages, which, header))| {
        let (mut messages, bytes) = (messages.clone(), Bytes::from(bytes.clone()));
        let message = &mut messages[*which];
        *(if *header { &mut message.data_header } else { &mut message.data_body }) = bytes;
        without_panic(&served, "", || {
            let call = async { tokio::time::timeout(PATIENCE, ana.put(stream::iter(messages))).await };
            match runtime.block_on(call).map_err(|_| "no answer")? {
                Ok(_) => Ok(()),
                Err(status) => is_an_answer(&status),
            }
        })
    });
    served.must_be_well("");
}
