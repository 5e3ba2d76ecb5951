//! Connections: so many at a time, and none that is opened and never speaks.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tonic::transport::server::Connected;

use crate::coalesced::{Coalesced, Lent};

/// How many connections there may be at a time; more wait to be taken.
const MOST: usize = 4096;
/// How long a client may take to say its first words: HTTP/2's preface, or the beginning of TLS.
pub(crate) const FIRST_WORDS: Duration = Duration::from_secs(10);
/// How many bytes these are at least.
pub(crate) const PREFACE: usize = 24;
/// How often somebody who said less is listened to again.
const AGAIN: Duration = Duration::from_millis(50);

/// A connection whose other end has begun to speak.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Coalesced<TcpStream>,
    _place: OwnedSemaphorePermit,
}

/// What a call knows of its connection.
#[derive(Debug, Clone)]
pub(crate) struct OtherEnd {
    pub(crate) address: Option<SocketAddr>,
    /// What is lent here is not copied on its way, unless it is encrypted.
    pub(crate) lent: Lent,
}

/// The connections that `listener` takes. It does not end: what fails is one connection, or the moment.
pub(crate) fn incoming(listener: TcpListener) -> impl Stream<Item = Connection> + Send {
    let places = Arc::new(Semaphore::new(MOST));
    let accepted = stream::unfold((listener, places), |(listener, places)| async move {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return None };
        let taken = listener.accept().await;
        if taken.is_err() {
            // Out of file descriptors, for example: it passes.
            tokio::time::sleep(AGAIN).await;
        }
        Some((taken.map(|(stream, _)| (stream, place)), (listener, places)))
    });
    // Whoever is silent keeps nobody else waiting.
    accepted
        .map(|taken| async move {
            let (stream, place) = taken.ok()?;
            tokio::time::timeout(FIRST_WORDS, speaks(&stream)).await.ok()?.ok()?;
            stream.set_nodelay(true).ok()?;
            Some(Connection { stream: Coalesced::new(stream), _place: place })
        })
        .buffer_unordered(MOST)
        .filter_map(|connection| async { connection })
}

/// Waits until the other end has said enough to be somebody.
async fn speaks(stream: &TcpStream) -> io::Result<()> {
    let mut words = [0; PREFACE];
    loop {
        match stream.peek(&mut words).await? {
            PREFACE => return Ok(()),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => tokio::time::sleep(AGAIN).await,
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = OtherEnd;

    fn connect_info(&self) -> OtherEnd {
        OtherEnd { address: self.stream.socket().peer_addr().ok(), lent: self.stream.lent().clone() }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(ctx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(ctx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(ctx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(ctx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(ctx)
    }
}
