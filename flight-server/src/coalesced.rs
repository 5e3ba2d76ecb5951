//! A socket that many frames are written to at once.
//!
//! HTTP/2 sends rows in frames of 16 KiB and flushes each, which is a system call for each and wakes the other end as
//! often: on one machine that costs more than the rows do. So after a large frame a flush waits for the next frame, for
//! as long as the task that writes has more to write in the same turn; whatever is small goes out at once.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes are written at once.
const MOST: usize = 256 << 10;
/// A flush after so many bytes or more waits for others.
const LARGE: usize = 8 << 10;

/// `S`, written to in larger pieces.
#[derive(Debug)]
pub(crate) struct Coalesced<S> {
    socket: S,
    waiting: Vec<u8>,
    /// How much of what waits has been written.
    written: usize,
    /// How many bytes came since the last flush.
    fresh: usize,
}

impl<S> Coalesced<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self { socket, waiting: Vec::new(), written: 0, fresh: 0 }
    }

    pub(crate) fn socket(&self) -> &S {
        &self.socket
    }
}

impl<S: AsyncWrite + Unpin> Coalesced<S> {
    fn poll_drain(&mut self, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.waiting.len() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(ctx, &self.waiting[self.written..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        self.waiting.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Coalesced<S> {
    fn poll_write(self: Pin<&mut Self>, ctx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(ctx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.waiting.len() >= MOST {
            ready!(self.poll_drain(ctx))?;
        }
        let before = self.waiting.len();
        for slice in bytes {
            let room = MOST.saturating_sub(self.waiting.len());
            self.waiting.extend_from_slice(slice.get(..room).unwrap_or(slice));
        }
        let taken = self.waiting.len() - before;
        self.fresh = self.fresh.saturating_add(taken);
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let fresh = std::mem::take(&mut self.fresh);
        if fresh >= LARGE && self.waiting.len() < MOST {
            // Should nothing follow, the turn that is asked for here begins with a read, which writes what waits.
            ctx.waker().wake_by_ref();
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_drain(ctx))?;
        if self.waiting.capacity() > LARGE {
            // An idle connection costs nothing.
            self.waiting = Vec::new();
        }
        Pin::new(&mut self.socket).poll_flush(ctx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(ctx))?;
        Pin::new(&mut self.socket).poll_shutdown(ctx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Coalesced<S> {
    fn poll_read(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Whether there is room to write does not matter to whoever reads, and an error shows itself to the writer.
        if self.fresh == 0 && !self.waiting.is_empty() {
            let _ = self.poll_drain(ctx)?;
        }
        Pin::new(&mut self.socket).poll_read(ctx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicUsize, atomic::Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A socket that counts how often it is written to.
    struct Counted<S>(S, Arc<AtomicUsize>);

    impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
        fn poll_read(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, b: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(ctx, b)
        }
    }

    impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
        fn poll_write(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let written = ready!(Pin::new(&mut self.0).poll_write(ctx, bytes))?;
            self.1.fetch_add(1, Ordering::Relaxed);
            Poll::Ready(Ok(written))
        }

        fn poll_flush(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(ctx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(ctx)
        }
    }

    #[tokio::test]
    async fn large_frames_are_written_together_and_all_of_them_arrive() {
        let (near, mut far) = tokio::io::duplex(64 << 10);
        let writes = Arc::new(AtomicUsize::new(0));
        let mut near = Coalesced::new(Counted(near, Arc::clone(&writes)));
        let sent: Vec<u8> = (0..4_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let expected = sent.clone();
        let reader = tokio::spawn(async move {
            let mut got = vec![0; expected.len()];
            far.read_exact(&mut got).await.unwrap();
            assert!(got == expected, "what arrives is not what was sent");
            far
        });
        for frame in sent.chunks(16 << 10) {
            near.write_all(frame).await.unwrap();
            near.flush().await.unwrap();
        }
        // As whoever waits for an answer does.
        let mut answer = [0; 1];
        let waiting = near.read(&mut answer);
        let answered = async {
            let mut far = reader.await.unwrap();
            far.write_all(b"!").await.unwrap();
            far
        };
        let (read, _far) = tokio::join!(waiting, answered);
        assert_eq!((read.unwrap(), answer), (1, *b"!"));
        let (frames, writes) = (sent.len() / (16 << 10), writes.load(Ordering::Relaxed));
        assert!(writes < frames / 3, "{writes} writes for {frames} frames");
    }

    #[tokio::test]
    async fn what_is_small_goes_out_at_once() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut near = Coalesced::new(near);
        near.write_all(b"hello").await.unwrap();
        near.flush().await.unwrap();
        let mut got = [0; 5];
        far.read_exact(&mut got).await.unwrap();
        assert_eq!(got, *b"hello");
        near.write_all(b"bye").await.unwrap();
        near.shutdown().await.unwrap();
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"bye");
    }
}
