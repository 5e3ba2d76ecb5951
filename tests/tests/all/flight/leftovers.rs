//! What is sent is what is answered: no row that was left out, no value behind a null, no text that was cut.
//!
//! Kernels share buffers where they can, and a buffer is sent as a whole. So the bytes of the messages are looked at, not
//! the values that a client makes of them.

use futures::TryStreamExt;

use super::{
    client::{Client, statement, ticket_of},
    server::Served,
    watch::Watch,
};

/// A thousand rows that are told from everything else, byte by byte.
const PEOPLE: &str = "CREATE TABLE lab.people AS SELECT n, concat('a-rather-long-text-', n, '-zanzibar') AS word, \
    n + 99251839844352 AS number, CAST(n + 99251839844352 AS DECIMAL(30, 0)) AS money, \
    CAST(n + 99251839844352 AS DOUBLE) AS half, arrow_cast(n + 99251839844352, 'Timestamp(Microsecond, None)') AS moment \
    FROM open.numbers";

/// Of every answer, what belongs to the first five hundred rows is shown.
const QUERIES: [&str; 24] = [
    "SELECT word, number, money, half, moment FROM lab.people WHERE n < 500",
    "SELECT word, number, money, half, moment FROM lab.people ORDER BY n LIMIT 500",
    "SELECT word, number FROM (SELECT * FROM lab.people ORDER BY n) WHERE n % 2 = 0 AND n < 500",
    "SELECT arrow_cast(word, 'Utf8View') AS word FROM lab.people WHERE n < 500",
    "SELECT arrow_cast(arrow_cast(word, 'Binary'), 'BinaryView') AS word FROM lab.people WHERE n < 500",
    "SELECT arrow_cast(word, 'Dictionary(Int32, Utf8)') AS word FROM lab.people WHERE n < 500",
    "SELECT CASE WHEN n < 500 THEN word END, CASE WHEN n < 500 THEN number END FROM lab.people",
    "SELECT CASE WHEN n < 500 THEN money END, CASE WHEN n < 500 THEN half END FROM lab.people",
    "SELECT CASE WHEN n < 500 THEN moment END, CASE WHEN n < 500 THEN word ELSE 'withheld' END FROM lab.people",
    "SELECT nullif(n >= 500, true), nullif(number, CASE WHEN n >= 500 THEN number END) FROM lab.people",
    "SELECT nullif(word, CASE WHEN n >= 500 THEN word END) FROM lab.people",
    "SELECT nullif(arrow_cast(word, 'Utf8View'), CASE WHEN n >= 500 THEN word END) FROM lab.people",
    "SELECT CASE WHEN n < 500 THEN arrow_cast(word, 'Dictionary(Int16, Utf8)') END FROM lab.people",
    "SELECT CASE WHEN n < 500 THEN arrow_cast(word, 'Utf8View') END FROM lab.people",
    "SELECT left(word, 15), right(word, 8), substr(word, 3, 14), split_part(word, '-', 4) FROM lab.people",
    "SELECT left(arrow_cast(word, 'Utf8View'), 15), substr(arrow_cast(word, 'Utf8View'), 3, 14) FROM lab.people",
    "SELECT trim(TRAILING '0123456789-zanibr' FROM arrow_cast(word, 'Utf8View')) FROM lab.people",
    "SELECT CASE WHEN n < 500 THEN [word] END, CASE WHEN n < 500 THEN [number, number] END FROM lab.people",
    "SELECT [CASE WHEN n < 500 THEN word END], [CASE WHEN n < 500 THEN arrow_cast(word, 'Utf8View') END] FROM lab.people",
    "SELECT CASE WHEN n < 500 THEN named_struct('w', word, 'n', number) END FROM lab.people",
    "SELECT named_struct('w', CASE WHEN n < 500 THEN word END, 'n', CASE WHEN n < 500 THEN number END) FROM lab.people",
    "SELECT CASE WHEN n < 500 THEN arrow_cast([number, number], 'FixedSizeList(2, Int64)') END FROM lab.people",
    "SELECT CASE WHEN n < 500 THEN map([word], [number]) END FROM lab.people",
    "SELECT a.word, b.number FROM open.numbers n LEFT JOIN lab.people a ON a.n = n.n AND n.n < 500 \
     LEFT JOIN lab.people b ON b.n = n.n AND b.n < 500",
];

/// Lists of no items; clients without view types cannot be sent these.
const NO_ITEMS: &str = "SELECT arrow_cast(array_resize([CASE WHEN n < 500 THEN arrow_cast(word, 'Utf8View') END], 0), \
    'FixedSizeList(0, Utf8View)') FROM lab.people";

/// Everything that the answer to `text` is sent as.
async fn bytes_of(client: &Client, text: &str) -> Vec<u8> {
    let info = client.info(&statement(text)).await.unwrap_or_else(|status| panic!("{text}: {status:?}"));
    let messages = client.open(ticket_of(&info)).await.unwrap_or_else(|status| panic!("{text}: {status:?}"));
    let messages: Vec<_> = messages.try_collect().await.unwrap_or_else(|status| panic!("{text}: {status:?}"));
    messages.iter().flat_map(|message| message.data_body.iter().copied()).collect()
}

/// How often `piece` is in `bytes`.
fn count(bytes: &[u8], piece: &[u8]) -> usize {
    bytes.windows(piece.len()).filter(|window| *window == piece).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_holds_what_is_answered_and_nothing_else() {
    let mut served = Served::start("");
    let ana = served.client("ana").await;
    ana.query(PEOPLE).await.unwrap();
    let watch = Watch::over(&served).await;
    let mut leaks = Vec::new();
    for views in ["native", "plain"] {
        let ana = ana.clone().with("x-sluice-view-types", views);
        for text in QUERIES {
            let bytes = bytes_of(&ana, text).await;
            assert!(!bytes.is_empty(), "{text}");
            for n in (500_i64..1000).step_by(111) {
                let number = n + 99_251_839_844_352;
                #[expect(clippy::cast_precision_loss, reason = "the number has 47 bits")]
                let half = number as f64;
                let word = count(&bytes, format!("-{n}-zanzibar").as_bytes());
                let found = [count(&bytes, &number.to_le_bytes()), count(&bytes, &half.to_le_bytes()), word];
                if found != [0; 3] {
                    leaks.push(format!("{views}: row {n} {found:?} times in the answer to {text}"));
                }
            }
        }
    }
    assert_eq!(bytes_of(&ana, NO_ITEMS).await.len(), 0, "lists of no items hold something");
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    watch.finish(&mut served, &format!("{} answers looked at byte by byte", 2 * QUERIES.len())).await;
}
