//! Rows as IPC messages, and these as `FlightData` for gRPC, in which the rows stay where they lie in memory.
//!
//! The library's `FlightData` wants a message in one piece, and its encoder another copy of that. Here a message keeps the
//! buffers of its columns, and is written as a sequence of pieces.

use std::collections::VecDeque;

use arrow::{
    array::RecordBatch,
    buffer::Buffer,
    datatypes::{Field, Schema},
    error::ArrowError,
    ipc::writer::StreamEncoder,
};
use arrow_flight::FlightData;
use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

use super::schema::Columns;
use crate::coalesced::Lent;

/// An IPC message.
#[derive(Debug)]
pub(crate) struct IpcMessage {
    header: Bytes,
    body: Vec<Buffer>,
}

impl IpcMessage {
    /// The message before all rows, which says what columns they have.
    fn of_columns(columns: &Columns) -> Self {
        Self { header: columns.header.clone(), body: Vec::new() }
    }

    /// The header of the first message of `parts`, which begin with one as it is in a stream: a marker, the length of its
    /// header, the header.
    fn header_of(parts: &mut impl Iterator<Item = Buffer>) -> Result<Bytes, ArrowError> {
        let malformed = || ArrowError::IpcError("a message without a header".to_owned());
        let prefix = parts.next().ok_or_else(malformed)?;
        let (_, length) = prefix.split_first_chunk::<4>().ok_or_else(malformed)?;
        let length = u32::from_le_bytes(length.try_into().map_err(|_| malformed())?) as usize;
        let mut header = BytesMut::with_capacity(length);
        while header.len() < length {
            header.extend_from_slice(&parts.next().ok_or_else(malformed)?);
        }
        Ok(header.freeze())
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.header.len() + self.body_len()
    }

    fn body_len(&self) -> usize {
        self.body.iter().map(Buffer::len).sum()
    }
}

/// Makes messages of rows.
pub(super) struct Encoder {
    stream: StreamEncoder,
    /// Whether its own message before all rows is out, which is not the one that is sent.
    has_begun: bool,
}

impl Encoder {
    /// An encoder for rows in `columns`, and the message that they follow.
    ///
    /// # Errors
    /// Columns that cannot be written.
    pub(super) fn new(columns: &Columns) -> Result<(Self, IpcMessage), ArrowError> {
        // Its own message before all rows is made and never sent, so that it need not have the columns' metadata.
        let fields = columns.schema.fields().iter();
        let bare = fields.map(|field| Field::new(field.name(), field.data_type().clone(), field.is_nullable()));
        let stream = StreamEncoder::try_new(&Schema::new(bare.collect::<Vec<_>>()))?;
        Ok((Self { stream, has_begun: false }, IpcMessage::of_columns(columns)))
    }

    /// `rows` as one message.
    ///
    /// # Errors
    /// Rows that cannot be written.
    pub(super) fn encode(&mut self, rows: &RecordBatch) -> Result<IpcMessage, ArrowError> {
        let mut parts = self.stream.encode(rows)?.into_iter();
        if !std::mem::replace(&mut self.has_begun, true) {
            IpcMessage::header_of(&mut parts)?;
        }
        // There are no dictionaries among the columns, so that the rows are all that follows.
        Ok(IpcMessage { header: IpcMessage::header_of(&mut parts)?, body: parts.collect() })
    }
}

/// Messages of gRPC on their way to the socket: what is small is joined, what is large stays where it is.
#[derive(Debug)]
pub(crate) struct Pieces {
    lent: Lent,
    ready: VecDeque<Bytes>,
    joined: BytesMut,
}

impl Pieces {
    /// From how many bytes on a buffer goes on its own: as many as HTTP/2 puts into a frame.
    const LARGE: usize = 16 << 10;
    /// How many joined bytes are worth a frame, though more may follow.
    const ENOUGH: usize = 32 << 10;
    /// The key of `FlightData.data_body`, field 1000 with a length.
    const BODY: [u8; 2] = [0xc2, 0x3e];

    /// None yet, on a connection.
    pub(crate) fn through(lent: Lent) -> Self {
        Self { lent, ready: VecDeque::new(), joined: BytesMut::new() }
    }

    /// Puts `message` behind what there is.
    pub(crate) fn push(&mut self, message: IpcMessage) {
        let body_len = message.body_len();
        let mut head = FlightData { data_header: message.header, ..FlightData::default() }.encode_to_vec();
        if body_len > 0 {
            head.extend_from_slice(&Self::BODY);
            let length = prost::length_delimiter_len(body_len);
            head.reserve(length);
            // There is room: it cannot fail.
            let _ = prost::encode_length_delimiter(body_len, &mut head);
        }
        self.joined.put_u8(0);
        // Messages are held to far less than what does not fit.
        self.joined.put_u32(u32::try_from(head.len() + body_len).unwrap_or(u32::MAX));
        self.joined.put_slice(&head);
        for buffer in message.body {
            if buffer.len() < Self::LARGE {
                self.joined.put_slice(&buffer);
            } else {
                self.close();
                self.ready.push_back(self.lent.lend(buffer));
            }
        }
        if self.joined.len() >= Self::ENOUGH {
            self.close();
        }
    }

    /// The next piece that nothing has to be added to.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        self.ready.pop_front()
    }

    /// Whether there is nothing left.
    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.joined.is_empty()
    }

    /// Joins nothing more to the last piece.
    pub(crate) fn close(&mut self) {
        if !self.joined.is_empty() {
            self.ready.push_back(self.joined.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray};
    use arrow_flight::utils::flight_data_to_batches;

    use super::*;

    fn rows(count: i64) -> RecordBatch {
        let columns: [(&str, ArrayRef); 3] = [
            ("n", Arc::new(Int64Array::from_iter_values(0..count))),
            ("even", Arc::new(BooleanArray::from_iter((0..count).map(|n| (n % 7 > 0).then_some(n % 2 == 0))))),
            ("text", Arc::new(StringArray::from_iter_values((0..count).map(|n| format!("number {n}"))))),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
    }

    /// What a client reads from `bytes`, as the library decodes it.
    fn read(mut bytes: &[u8]) -> Vec<FlightData> {
        let mut messages = Vec::new();
        while let Some((head, rest)) = bytes.split_first_chunk::<5>() {
            let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
            assert_eq!(head[0], 0, "nothing is compressed");
            messages.push(FlightData::decode(&rest[..length]).unwrap());
            bytes = &rest[length..];
        }
        messages
    }

    #[test]
    fn a_client_reads_the_rows_that_were_sent() {
        let sent = [rows(3), rows(100_000), rows(1)];
        let (mut encoder, first) = Encoder::new(&Columns::of(sent[0].schema()).unwrap()).unwrap();
        let mut pieces = Pieces::through(Lent::default());
        let mut bytes = Vec::new();
        pieces.push(first);
        for batch in &sent {
            let message = encoder.encode(batch).unwrap();
            let (length, before) = (message.len(), bytes.len());
            pieces.push(message);
            bytes.extend(std::iter::from_fn(|| pieces.next()).flatten());
            assert!(length < 100_000 || bytes.len() - before > length / 2, "large buffers do not wait");
        }
        pieces.close();
        bytes.extend(std::iter::from_fn(|| pieces.next()).flatten());
        assert!(pieces.is_empty());
        assert_eq!(flight_data_to_batches(&read(&bytes)).unwrap(), sent);
    }

    #[test]
    fn large_buffers_are_not_copied() {
        let sent = rows(100_000);
        let (mut encoder, _) = Encoder::new(&Columns::of(sent.schema()).unwrap()).unwrap();
        let mut pieces = Pieces::through(Lent::default());
        pieces.push(encoder.encode(&sent).unwrap());
        let values = sent.column(0).to_data().buffers()[0].as_ptr();
        assert!(std::iter::from_fn(|| pieces.next()).any(|piece| piece.as_ptr() == values));
    }
}
