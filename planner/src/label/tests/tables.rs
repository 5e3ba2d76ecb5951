//! The tables that every case reads: their columns, tags and rows.
//!
//! Each tagged column has a tag of its own, so that a label says where every element came from. The rows are few and
//! awkward: `NULL`s, ties, keys without a partner, empty lists.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, Int64Array, Int64Builder, ListBuilder, MapBuilder, RecordBatch, StringArray, StringBuilder,
        StructArray, TimestampMicrosecondArray,
    },
    buffer::NullBuffer,
    datatypes::{DataType, Field, Fields},
};

/// A table as the cases know it.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) row_tag: Option<&'static str>,
    pub(super) columns: Vec<Column>,
}

/// A column with its tags and values.
pub(super) struct Column {
    pub(super) name: &'static str,
    /// `None` where nobody classified it.
    pub(super) tag: Option<&'static str>,
    /// A tag that arrived with the data and decided which rows contributed.
    pub(super) indirect: Option<&'static str>,
    pub(super) values: ArrayRef,
}

/// The views: name and query.
pub(super) const VIEWS: [(&str, &str); 4] = [
    ("adults", "SELECT id, name, city FROM t.people WHERE age >= 18"),
    ("adult_cities", "SELECT city, count(*) AS n FROM t.adults GROUP BY city"),
    ("names", "SELECT id, upper(name) AS name FROM t.people"),
    ("known", "SELECT n.name, a.city FROM t.names AS n JOIN t.adults AS a ON n.id = a.id"),
];

impl Table {
    pub(super) fn all() -> Vec<Self> {
        vec![people(), orders(), staff(), plain(), audited(), scores(), nested(), numbers(), others()]
    }

    pub(super) fn rows(&self) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(
            self.columns.iter().map(|column| (column.name, Arc::clone(&column.values), true)),
        )
        .unwrap()
    }
}

fn table(name: &'static str, columns: Vec<Column>) -> Table {
    Table { name, row_tag: None, columns }
}

fn column(name: &'static str, tag: &'static str, values: ArrayRef) -> Column {
    Column { name, tag: Some(tag), indirect: None, values }
}

fn people() -> Table {
    table(
        "people",
        vec![
            column("id", "pii.id", ints([1, 2, 3, 4, 5, 6])),
            column("name", "pii.name", words("ann bob cid dan eve -")),
            column("race", "special.race", words("x y x z - y")),
            column("age", "personal.age", ints([30, 17, 45, 30, 62, 17])),
            column("city", "public", words("oslo rome oslo bern rome -")),
        ],
    )
}

fn orders() -> Table {
    let placed = TimestampMicrosecondArray::from_iter(
        [5, 3, 3, 9, 1, 7, 2, 4].map(|day| (day < 9).then_some(1_700_000_000_000_000 + day * 86_400_000_000)),
    );
    table(
        "orders",
        vec![
            column("id", "public", ints([1, 2, 3, 4, 5, 6, 7, 8])),
            column("person_id", "pii.person", ints([1, 1, 2, 3, 3, 5, 7, 0])),
            column("amount", "finance.amount", ints([100, 250, 40, 40, 15, 900, 10, 70])),
            Column { name: "note", tag: None, indirect: None, values: words("a b - a c d b a") },
            column("tags", "x.tags", word_lists(["a b", "", "-", "c", "a a", "d", "b c d", "e"])),
            column("addr", "x.addr", pairs("street", words("s1 s2 s1 s3 - s2 s4 s5"), "zip", words("1 2 1 3 4 2 - 5"))),
            column("attrs", "x.attrs", maps(["k 1", "k 2 m 3", "", "m 4", "k 5", "k 1", "m 2", "k 9"])),
            column("placed", "x.placed", Arc::new(placed)),
        ],
    )
}

fn staff() -> Table {
    table(
        "staff",
        vec![
            column("id", "hr.id", ints([1, 2, 3, 8, 9])),
            column("boss", "hr.boss", ints([0, 1, 1, 2, 8])),
            column("badge", "hr.badge", words("b1 b2 b3 b8 b1")),
        ],
    )
}

fn plain() -> Table {
    table(
        "plain",
        vec![column("id", "public", ints([1, 2, 3, 4])), column("word", "public", words("one two three one"))],
    )
}

fn audited() -> Table {
    let columns = vec![column("id", "public", ints([1, 2, 3])), column("what", "audit.what", words("w v w"))];
    Table { name: "audited", row_tag: Some("audit.rows"), columns }
}

fn scores() -> Table {
    let score = Column { indirect: Some("x.cohort"), ..column("score", "x.score", ints([7, 8, 7, 1])) };
    table("scores", vec![column("id", "public", ints([1, 2, 3, 4])), score])
}

fn nested() -> Table {
    let home = pairs("city", words("oslo rome - bern"), "floor", ints([1, 2, 3, 4]));
    let who = pairs("name", words("ann bob cid dan"), "home", home);
    table(
        "nested",
        vec![
            column("id", "public", ints([1, 2, 3, 4])),
            column("who", "x.who", who),
            column("nums", "x.nums", int_lists([&[1, 2], &[], &[3, 5, 8], &[2]])),
            column("least", "x.least", ints([1, 0, 4, 9])),
        ],
    )
}

fn numbers() -> Table {
    table(
        "numbers",
        vec![
            column("a", "x.a", ints([3, 1, 4, 1, 5])),
            column("b", "x.b", ints([2, 7, 1, 8, 2])),
            column("c", "x.c", ints([1, 1, 2, 3, 0])),
            column("k", "public", ints([1, 2, 3, 4, 5])),
        ],
    )
}

fn others() -> Table {
    table(
        "others",
        vec![
            column("a", "y.a", ints([1, 2, 3, 5])),
            column("b", "y.b", ints([1, 4, 1, 4])),
            column("c", "y.c", ints([9, 1, 2, 2])),
        ],
    )
}

/// Numbers; zero stands for `NULL`.
fn ints<const N: usize>(values: [i64; N]) -> ArrayRef {
    Arc::new(Int64Array::from_iter(values.map(|value| (value != 0).then_some(value))))
}

/// The words of `text`; `-` stands for `NULL`.
fn words(text: &str) -> ArrayRef {
    Arc::new(StringArray::from_iter(text.split(' ').map(|word| (word != "-").then_some(word))))
}

/// The words of each text as a list; `-` stands for `NULL`.
fn word_lists<const N: usize>(lists: [&str; N]) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for list in lists {
        for word in list.split(' ').filter(|word| !matches!(*word, "" | "-")) {
            builder.values().append_value(word);
        }
        builder.append(list != "-");
    }
    Arc::new(builder.finish())
}

fn int_lists<const N: usize>(lists: [&[i64]; N]) -> ArrayRef {
    let mut builder = ListBuilder::new(Int64Builder::new());
    for list in lists {
        builder.values().append_slice(list);
        builder.append(true);
    }
    Arc::new(builder.finish())
}

/// A struct of two fields, the third one `NULL`.
fn pairs(left: &str, lefts: ArrayRef, right: &str, rights: ArrayRef) -> ArrayRef {
    let nullable = |name: &str, data_type: &DataType| Field::new(name, data_type.clone(), true);
    let fields = Fields::from(vec![nullable(left, lefts.data_type()), nullable(right, rights.data_type())]);
    let valid = NullBuffer::from_iter((0..lefts.len()).map(|row| row != 2));
    Arc::new(StructArray::new(fields, vec![lefts, rights], Some(valid)))
}

/// Maps of words to words, written as keys and values in turn.
fn maps<const N: usize>(maps: [&str; N]) -> ArrayRef {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for map in maps {
        let mut words = map.split(' ').filter(|word| !word.is_empty());
        while let (Some(key), Some(value)) = (words.next(), words.next()) {
            builder.keys().append_value(key);
            builder.values().append_value(value);
        }
        builder.append(true).unwrap();
    }
    Arc::new(builder.finish())
}
