//! Types, and how managed tables store them.

use arrow::{
    array::{
        Date64Array, DictionaryArray, Float16Array, LargeStringArray, ListArray, MapBuilder, NullArray, StringBuilder,
        StringViewArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array,
        UInt16Array, UInt32Array, UInt64Array,
    },
    datatypes::{DataType, Field, Int32Type, IntervalUnit, Schema, TimeUnit},
};

use super::*;

async fn read_back(batch: &RecordBatch) -> (SchemaRef, String) {
    let folder = tempfile::tempdir().unwrap();
    let location = folder_url(&folder.path().join("t"));
    write(&location, batch, WriteMode::Create).await.unwrap();
    let home = Home::new().await;
    home.table("t", managed(&location), &[]).await;
    let snapshot = home.snapshot("t", TableVersion::Latest).await.unwrap();
    (Arc::clone(&snapshot.arrow_schema), rows(&snapshot).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn types_without_a_place_are_stored_in_wider_ones() {
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    map.keys().append_value("k");
    map.values().append_value("v");
    map.append(true).unwrap();
    let dictionary: DictionaryArray<Int32Type> = ["red"].into_iter().collect();
    let columns: [(&str, ArrayRef); 14] = [
        ("u8", Arc::new(UInt8Array::from(vec![u8::MAX]))),
        ("u16", Arc::new(UInt16Array::from(vec![u16::MAX]))),
        ("u32", Arc::new(UInt32Array::from(vec![u32::MAX]))),
        ("u64", Arc::new(UInt64Array::from(vec![u64::MAX]))),
        ("f16", Arc::new(Float16Array::from(vec![half(1.5)]))),
        ("large", Arc::new(LargeStringArray::from(vec!["a"]))),
        ("view", Arc::new(StringViewArray::from(vec!["b"]))),
        ("dict", Arc::new(dictionary)),
        ("date64", Arc::new(Date64Array::from(vec![86_400_000]))),
        ("ns", Arc::new(TimestampNanosecondArray::from(vec![1_001]))),
        ("berlin", Arc::new(TimestampMillisecondArray::from(vec![1]).with_timezone("Europe/Berlin"))),
        ("nothing", Arc::new(NullArray::new(1))),
        ("list", Arc::new(ListArray::from_iter_primitive::<arrow::datatypes::UInt16Type, _, _>([Some([Some(9)])]))),
        ("map", Arc::new(map.finish())),
    ];
    let (schema, rows) = read_back(&RecordBatch::try_from_iter(columns).unwrap()).await;
    let types: Vec<_> = schema.fields().iter().map(|field| field.data_type().to_string()).collect();
    assert_eq!(
        types[..9],
        ["Int16", "Int32", "Int64", "Decimal128(20, 0)", "Float32", "Utf8View", "Utf8View", "Utf8View", "Date32"]
    );
    assert_eq!(types[9..12], ["Timestamp(µs)", "Timestamp(µs, \"UTC\")", "Utf8View"]);
    assert!(schema.fields().iter().all(|field| field.is_nullable()));
    let cells: Vec<_> = rows.trim_matches('|').split('|').map(str::trim).collect();
    assert_eq!(
        cells,
        [
            "255",
            "65535",
            "4294967295",
            "18446744073709551615",
            "1.5",
            "a",
            "b",
            "red",
            "1970-01-02",
            "1970-01-01T00:00:00.000001",
            "1970-01-01T00:00:00.001Z",
            "",
            "[9]",
            "{k: v}"
        ]
    );
}

fn half(value: f32) -> <arrow::datatypes::Float16Type as arrow::datatypes::ArrowPrimitiveType>::Native {
    <arrow::datatypes::Float16Type as arrow::datatypes::ArrowPrimitiveType>::Native::from_f32(value)
}

#[test]
fn types_that_cannot_be_stored_are_named_with_their_column() {
    let inner = Arc::new(Field::new("item", DataType::Interval(IntervalUnit::DayTime), true));
    for refused in [
        DataType::Time64(TimeUnit::Microsecond),
        DataType::Time32(TimeUnit::Second),
        DataType::Duration(TimeUnit::Second),
        DataType::List(inner),
        DataType::Decimal256(70, 3),
        DataType::Decimal128(10, -2),
    ] {
        let schema = Schema::new(vec![Field::new("at \"noon\"", refused.clone(), true)]);
        let error = delta::stored_schema(&schema).unwrap_err().to_string();
        assert!(error.contains("`at \"noon\"`"), "{refused}: {error}");
    }
}

#[test]
fn names_that_differ_only_in_case_are_refused() {
    let field = |name: &str| Field::new(name, DataType::Int64, true);
    let error = delta::stored_schema(&Schema::new(vec![field("größe"), field("GRÖSSE"), field("Größe")])).unwrap_err();
    assert!(error.to_string().contains("`größe` and `Größe`"), "{error}");
    assert!(matches!(delta::stored_schema(&Schema::empty()), Err(StorageError::NoColumns)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_does_not_fit_is_refused_without_being_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder_url(&folder.path().join("t"));
    let seconds: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX - 4242]));
    let batch = RecordBatch::try_from_iter([("at", seconds)]).unwrap();
    let error = write(&location, &batch, WriteMode::Create).await.unwrap_err();
    assert!(matches!(&error, StorageError::ValueOutOfRange { .. }), "{error:?}");
    assert!(!error.to_string().contains("42"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
