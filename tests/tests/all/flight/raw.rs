//! HTTP/2 by hand, for what no library would send.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What every connection begins with.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// How the server took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The stream was answered to its end.
    Answered,
    /// The stream was reset.
    Reset,
    /// The connection was closed.
    Closed,
    /// Nothing came for as long as it was waited for.
    Silence,
}

/// A frame: length, kind, flags, stream, payload.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The beginning of a connection that means well so far.
pub(super) fn greeting() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

/// The headers of a gRPC call, with more of them behind.
pub(super) fn call(stream: u32, method: &str, token: &str, more: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &header_block(method, token, more))
}

/// The header block of a gRPC call, uncompressed.
pub(super) fn header_block(method: &str, token: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let path = format!("/arrow.flight.protocol.FlightService/{method}");
    let bearer = format!("Bearer {token}");
    let usual = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", &path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("authorization", &bearer),
    ];
    let mut block = Vec::new();
    for (name, value) in usual.iter().chain(more) {
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    block
}

/// A text of a header block: its length in a prefix of seven bits, and its bytes (RFC 7541, 5.1 and 5.2).
fn text(block: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 127 {
        block.push(u8::try_from(length).unwrap());
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push(u8::try_from(length % 128).unwrap() | 128);
            length /= 128;
        }
        block.push(u8::try_from(length).unwrap());
    }
    block.extend(text.as_bytes());
}

/// A gRPC message that claims to be `length` bytes long.
pub(super) fn message(length: u32, bytes: &[u8]) -> Vec<u8> {
    [&[0], &length.to_be_bytes()[..], bytes].concat()
}

/// Sends `bytes` on a connection of its own, and waits for what becomes of it.
pub(super) async fn sent(address: SocketAddr, bytes: &[u8], patience: Duration) -> Outcome {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // The server may close before it has read everything.
    if socket.write_all(bytes).await.is_err() {
        return Outcome::Closed;
    }
    tokio::time::timeout(patience, outcome(&mut socket)).await.unwrap_or(Outcome::Silence)
}

/// Reads frames until something ends.
pub(super) async fn outcome(socket: &mut TcpStream) -> Outcome {
    let mut payload = Vec::new();
    loop {
        let mut head = [0; 9];
        if socket.read_exact(&mut head).await.is_err() {
            return Outcome::Closed;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        payload.resize(length as usize, 0);
        if socket.read_exact(&mut payload).await.is_err() {
            return Outcome::Closed;
        }
        match head[3] {
            HEADERS | DATA if head[4] & END_STREAM != 0 => return Outcome::Answered,
            RST_STREAM => return Outcome::Reset,
            GO_AWAY => return Outcome::Closed,
            _ => {}
        }
    }
}

/// Numbers that look random and are the same each time.
pub(super) struct Noise(u64);

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[3]).collect()
    }
}
