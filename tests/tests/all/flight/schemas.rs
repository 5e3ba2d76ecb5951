//! What is announced is what comes, to the last bit of nullability and metadata.

use arrow::datatypes::Schema;

use super::{
    client::{Client, prepared_query, statement, ticket_of},
    server::Served,
    watch::Watch,
};

/// A table of many types, made by a query.
const ZOO: &str = "CREATE TABLE lab.zoo AS SELECT n AS big, CAST(n AS INT) AS small, CAST(n AS DOUBLE) AS double, \
    CAST(n AS DECIMAL(20, 4)) AS money, n % 2 = 0 AS even, CAST(n AS VARCHAR) AS word, \
    CASE WHEN n > 5 THEN n END AS some, DATE '2024-02-29' AS day, TIMESTAMP '2024-02-29 12:00:00' AS moment, \
    [n, n + 1] AS list, named_struct('a', n, 'b', CAST(n AS VARCHAR)) AS pair FROM open.numbers WHERE n < 10";

const QUERIES: [&str; 44] = [
    "SELECT * FROM open.numbers WHERE n < 3",
    "SELECT * FROM lab.zoo",
    "SELECT * FROM lab.zoo WHERE false",
    "SELECT min(big), max(big), count(*), count(some), avg(small), sum(money) FROM lab.zoo",
    "SELECT min(n), max(n) FROM open.numbers",
    "SELECT min(word), max(word), min(day), max(moment), min(even) FROM lab.zoo",
    "SELECT min(big), max(some) FROM lab.zoo WHERE false",
    "SELECT even, count(*), min(big) FROM lab.zoo GROUP BY even",
    "SELECT even, small, count(*) FROM lab.zoo GROUP BY ROLLUP (even, small)",
    "SELECT count(DISTINCT word), array_agg(big ORDER BY big), string_agg(word, ',') FROM lab.zoo",
    "SELECT first_value(big ORDER BY big), last_value(word ORDER BY big), median(small), stddev(double) FROM lab.zoo",
    "SELECT arrow_cast('a', 'Dictionary(Int32, Utf8)') AS d",
    "SELECT arrow_cast(word, 'Dictionary(UInt16, LargeUtf8)') AS d FROM lab.zoo",
    "SELECT [arrow_cast(word, 'Dictionary(Int8, Utf8)')] AS d FROM lab.zoo",
    "SELECT named_struct('d', arrow_cast(word, 'Dictionary(Int32, Utf8View)')) AS d FROM lab.zoo",
    "SELECT arrow_cast('a', 'Utf8View') AS v, arrow_cast('a', 'BinaryView') AS b, arrow_cast('a', 'LargeUtf8') AS l",
    "SELECT [arrow_cast(word, 'Utf8View')] AS v FROM lab.zoo",
    "SELECT arrow_cast('a', 'Binary') AS b, arrow_cast('a', 'LargeBinary') AS l, X'ff' AS x",
    "SELECT arrow_cast([1, 2], 'FixedSizeList(2, Int64)') AS f, arrow_cast([1], 'LargeList(Int64)') AS l",
    "SELECT map(['a', 'b'], [1, 2]) AS m",
    "SELECT [[1], [2, NULL]] AS nested, named_struct('a', [named_struct('b', 1)]) AS deep",
    "SELECT [] AS empty, NULL AS nothing, [NULL] AS nulls",
    "SELECT arrow_cast(1, 'Int8') AS a, arrow_cast(1, 'UInt64') AS b, arrow_cast(1, 'Float32') AS c, 1.5 AS d",
    "SELECT arrow_cast(1, 'Decimal256(40, 2)') AS d, CAST(1 AS DECIMAL(38, 0)) AS e",
    "SELECT arrow_cast(1, 'Time64(Nanosecond)') AS t, arrow_cast(1, 'Duration(Second)') AS d, INTERVAL '1 day' AS i",
    "SELECT arrow_cast(1, 'Timestamp(Second, Some(\"Europe/Berlin\"))') AS t, arrow_cast(1, 'Date64') AS d",
    "SELECT now() AS n, current_date AS d",
    "SELECT CASE WHEN n > 5 THEN 1 END AS c, coalesce(n, 0) AS k, nullif(n, 3) AS z FROM open.numbers WHERE n < 9",
    "SELECT a.n, b.n FROM open.numbers a LEFT JOIN open.numbers b ON a.n = b.n + 995 WHERE a.n < 3",
    "SELECT * FROM open.numbers a FULL JOIN lab.zoo b ON a.n = b.big WHERE a.n < 3",
    "SELECT n FROM open.numbers a WHERE EXISTS (SELECT 1 FROM lab.zoo WHERE big = a.n)",
    "SELECT rank() OVER (ORDER BY n), lag(n) OVER (ORDER BY n), sum(n) OVER (ORDER BY n) FROM open.numbers WHERE n < 3",
    "SELECT big FROM lab.zoo UNION ALL SELECT some FROM lab.zoo",
    "SELECT word FROM lab.zoo UNION SELECT arrow_cast('x', 'Utf8View')",
    "SELECT word FROM lab.zoo INTERSECT SELECT word FROM lab.zoo",
    "SELECT unnest(list) AS item, big FROM lab.zoo",
    "SELECT pair.a, pair['b'], list[1] FROM lab.zoo",
    "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 3) SELECT * FROM r",
    "VALUES (1, 'a'), (NULL, 'b')",
    "SELECT (SELECT max(n) FROM open.numbers) AS top, upper(word), word LIKE '1%' FROM lab.zoo LIMIT 2",
    "SELECT DISTINCT ON (even) even, big FROM lab.zoo ORDER BY even, big",
    "SELECT id, word, upper(word) AS loud FROM hidden.secret",
    "SHOW TAGS ON TABLE hidden.secret",
    "EXPLAIN GOVERNANCE SELECT word FROM hidden.secret",
];

/// Asks in every way; answers the one schema that all of them gave.
async fn schema_of(client: &Client, text: &str) -> Schema {
    let failed = |status: tonic::Status| -> Schema { panic!("{text}: {status:?}") };
    let info = client.info(&statement(text)).await.unwrap_or_else(|status| panic!("{text}: {status:?}"));
    let announced = info.clone().try_decode_schema().unwrap();
    let (streamed, batches) =
        client.fetch(ticket_of(&info)).await.unwrap_or_else(|status| panic!("{text}: {status:?}"));
    assert_eq!(*streamed, announced, "{text}");
    assert!(batches.iter().all(|batch| *batch.schema() == announced), "{text}");
    let alone = client.schema(&statement(text)).await.unwrap_or_else(failed);
    assert_eq!(alone, announced, "{text}");
    let handle = client.prepare(text).await.unwrap_or_else(|status| panic!("{text}: {status:?}"));
    let prepared = client.info(&prepared_query(&handle)).await.unwrap_or_else(|status| panic!("{text}: {status:?}"));
    assert_eq!(prepared.clone().try_decode_schema().unwrap(), announced, "{text}");
    let (executed, _) = client.fetch(ticket_of(&prepared)).await.unwrap_or_else(|status| panic!("{text}: {status:?}"));
    assert_eq!(*executed, announced, "{text}");
    announced
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_the_schema_that_was_announced() {
    let mut served = Served::start("");
    let ana = served.client("ana").await;
    ana.query(ZOO).await.unwrap();
    let watch = Watch::over(&served).await;
    let mut columns = 0;
    for views in ["native", "plain"] {
        let ana = ana.clone().with("x-sluice-view-types", views);
        for text in QUERIES {
            let schema = schema_of(&ana, text).await;
            columns += schema.fields().len();
            for field in schema.fields() {
                let tags = field.metadata().get("sluice.tags");
                assert!(tags.is_some_and(|tags| tags.starts_with('[')), "{text}: {field}");
            }
            assert!(schema.metadata().contains_key("sluice.row_tags"), "{text}");
            let types = format!("{schema:?}");
            assert!(views == "native" || !types.contains("View"), "{text}: {types}");
            assert!(!types.contains("Dictionary"), "{text}: {types}");
        }
    }
    let tagged = schema_of(&ana, "SELECT id, upper(word) AS loud FROM hidden.secret WHERE word > 'a'").await;
    let tags = |index: usize| tagged.field(index).metadata()["sluice.tags"].clone();
    assert!(!tags(0).contains("\"pii\""), "{}", tags(0));
    assert!(tags(1).contains("\"pii\"") && tags(1).contains("hidden.secret.word"), "{}", tags(1));
    assert!(tagged.metadata()["sluice.row_tags"].contains("\"pii\""), "{:?}", tagged.metadata());
    watch.finish(&mut served, &format!("{} queries, {columns} columns as announced", QUERIES.len() * 2)).await;
}
