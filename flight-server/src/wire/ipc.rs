//! A look at Arrow IPC messages before they are decoded.
//!
//! The decoder trusts the lengths that a message states: it asks for as much memory as a compressed buffer says that it
//! will have, and panics where a buffer lies outside of the body. Whoever sends messages to a server states whatever
//! they like, so lengths are held against what was really sent first.

use arrow::ipc::{RecordBatch, root_as_message};
use arrow_flight::FlightData;

/// How many rows one batch may have. Some types have rows that take no bytes, so bytes do not bound them.
const MOST_ROWS: i64 = 1 << 24;

/// Whether the lengths that `data` states go together with its body. A message of another kind than rows has none.
pub(super) fn is_sound(data: &FlightData, most_bytes: usize) -> bool {
    if data.data_header.is_empty() {
        return data.data_body.is_empty();
    }
    let Ok(message) = root_as_message(&data.data_header) else { return false };
    let batch = match (message.header_as_record_batch(), message.header_as_dictionary_batch()) {
        (Some(batch), _) => batch,
        (None, Some(dictionary)) => match dictionary.data() {
            Some(batch) => batch,
            None => return false,
        },
        (None, None) => return message.header_as_schema().is_some(),
    };
    rows_are_sound(&batch) && buffers_are_sound(&batch, &data.data_body, most_bytes)
}

fn rows_are_sound(batch: &RecordBatch<'_>) -> bool {
    let fits = |length: i64| (0..=MOST_ROWS).contains(&length);
    fits(batch.length())
        && batch.nodes().is_none_or(|nodes| {
            nodes.iter().all(|node| fits(node.length()) && (0..=node.length()).contains(&node.null_count()))
        })
}

fn buffers_are_sound(batch: &RecordBatch<'_>, body: &[u8], most_bytes: usize) -> bool {
    let Some(buffers) = batch.buffers() else { return batch.compression().is_none() };
    let mut decompressed = 0_u64;
    for buffer in buffers {
        let (Ok(offset), Ok(length)) = (usize::try_from(buffer.offset()), usize::try_from(buffer.length())) else {
            return false;
        };
        let Some(bytes) = offset.checked_add(length).and_then(|end| body.get(offset..end)) else { return false };
        if batch.compression().is_some() && !bytes.is_empty() {
            let Some(stated) = bytes.first_chunk::<8>().map(|stated| i64::from_le_bytes(*stated)) else { return false };
            match stated {
                // As it is, without compression.
                -1 => {}
                stated => match u64::try_from(stated) {
                    Ok(stated) => decompressed = decompressed.saturating_add(stated),
                    Err(_) => return false,
                },
            }
        }
    }
    // A compressed message takes no more memory than one that is not may.
    let counts = batch.variadicBufferCounts();
    let variadic = counts
        .into_iter()
        .flatten()
        .try_fold(0_usize, |sum, count| usize::try_from(count).ok().and_then(|count| sum.checked_add(count)));
    decompressed <= most_bytes as u64 && variadic.is_some_and(|sum| sum <= buffers.len())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch as Rows, StringArray};
    use arrow_flight::utils::batches_to_flight_data;

    use super::*;

    fn message() -> FlightData {
        let columns: [(&str, ArrayRef); 2] = [
            ("a", Arc::new(Int64Array::from(vec![1, 2, 3]))),
            ("b", Arc::new(StringArray::from(vec!["x", "yy", "zzz"]))),
        ];
        let rows = Rows::try_from_iter(columns).unwrap();
        batches_to_flight_data(&rows.schema(), vec![rows]).unwrap().pop().unwrap()
    }

    #[test]
    fn what_a_client_writes_is_sound() {
        assert!(is_sound(&message(), 1 << 20));
        assert!(is_sound(&FlightData::default(), 1 << 20));
    }

    #[test]
    fn a_body_that_is_cut_off_is_not() {
        let whole = message();
        for length in 0..whole.data_body.len() {
            let cut = FlightData { data_body: whole.data_body.slice(..length), ..whole.clone() };
            assert!(!is_sound(&cut, 1 << 20) || length + 64 > whole.data_body.len(), "{length}");
        }
    }

    #[test]
    fn a_header_that_is_no_message_is_not() {
        let garbage = FlightData { data_header: vec![7; 64].into(), ..FlightData::default() };
        assert!(!is_sound(&garbage, 1 << 20));
    }
}
