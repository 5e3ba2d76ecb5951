//! Rows that replace others are never read under the tags of those.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use arrow::{
    array::{Array, Int64Array, RecordBatch},
    datatypes::{DataType, Field, Schema},
};
use tonic::Code;

use super::{client::replacement, server::Served};

#[tokio::test(flavor = "multi_thread")]
async fn uploaded_rows_are_not_read_under_the_tags_of_those_that_they_replace() {
    let mut served = Served::start("");
    served.admin().await.query("GRANT SELECT ON SCHEMA lab TO USER bob").await.unwrap();
    let (ana, bob) = (served.client("ana").await, served.client("bob").await);
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
    let uploaded: Arc<dyn Array> = Arc::new(Int64Array::from(vec![-7; 3]));
    let uploaded = RecordBatch::try_new(Arc::new(schema.clone()), vec![uploaded]).unwrap();

    let (over, denied) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let readers = (0..4).map(|_| {
        let (bob, over, denied) = (bob.clone(), Arc::clone(&over), Arc::clone(&denied));
        tokio::spawn(async move {
            let mut answered = 0;
            while !over.load(Ordering::Relaxed) {
                match bob.texts("SELECT n FROM lab.copy ORDER BY n LIMIT 1").await {
                    Ok(first) => {
                        assert_eq!(first, ["0"], "an uploaded row was read as a public one");
                        answered += 1;
                    }
                    Err(status) if status.code() == Code::PermissionDenied => {
                        denied.fetch_add(1, Ordering::Relaxed);
                    }
                    // The table is not there yet, or its rows were replaced while they were read.
                    Err(_) => {}
                }
            }
            answered
        })
    });
    let readers: Vec<_> = readers.collect();
    for _ in 0..30 {
        // What is public is copied with its tag, and everybody reads it.
        ana.query("CREATE OR REPLACE TABLE lab.copy AS SELECT n FROM open.numbers").await.unwrap();
        assert_eq!(bob.texts("SELECT n FROM lab.copy ORDER BY n LIMIT 1").await.unwrap(), ["0"]);
        // What is uploaded is unclassified, and bob may not read that.
        ana.put_rows(&replacement("lab", "copy"), &schema, std::slice::from_ref(&uploaded)).await.unwrap();
        let refused = bob.texts("SELECT n FROM lab.copy").await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    }
    over.store(true, Ordering::Relaxed);
    let mut answered = 0;
    for reader in readers {
        answered += reader.await.unwrap();
    }
    let denied = denied.load(Ordering::Relaxed);
    assert!(answered > 0 && denied > 0, "{answered} answers and {denied} denials");
    served.must_be_well("");
}
