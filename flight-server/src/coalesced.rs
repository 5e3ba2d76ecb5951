//! A socket that many frames are written to at once.
//!
//! HTTP/2 sends rows in frames of 16 KiB and flushes each, which is a system call for each and wakes the other end as
//! often: on one machine that costs more than the rows do. A small answer takes two, one for its rows and one for the trailers
//! behind them. So after a frame that is flushed by itself the flush waits for the next frame, for as long as the task that
//! writes has more to write in the same turn; what is smaller goes out at once, with all that waits.
//!
//! What waits is copied, since it is only borrowed. A slice of a buffer that was [`Lent`] for the connection is not: that
//! it lies in the buffer shows in its address, and then the buffer is kept instead.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
};

use arrow::buffer::Buffer;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::yield_now,
};

/// How many bytes may wait.
const MOST: usize = 4 << 20;
/// How many of them may be copies.
const MOST_COPIED: usize = 256 << 10;
/// From how many bytes on a slice is looked for among the lent buffers.
const LARGE: usize = 8 << 10;
/// A flush after so many bytes or more waits for others. The h2 library flushes each frame of so many bytes before it takes the
/// next one, which may be nothing but trailers.
const FOLLOWED: usize = 256;
/// How many slices are written at once: frames of `MOST` bytes and their heads.
const SLICES: usize = 512;
/// How many bytes of heads there is room for once a frame is kept. With each the h2 library gives the first bytes of its frame.
const HEADS: usize = 32 << 10;

/// The buffers whose parts go through a connection. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lent(Arc<Mutex<Buffers>>);

/// Buffers by their addresses. Of two at one address the later one is known, and parts of the other are copied.
#[derive(Debug, Default)]
struct Buffers {
    by_address: BTreeMap<usize, Weak<Buffer>>,
    /// How many there may be before those that are gone are forgotten.
    most: usize,
}

impl Lent {
    /// The bytes of `buffer`, which the connection's socket knows again.
    pub(crate) fn lend(&self, buffer: Buffer) -> Bytes {
        let buffer = Arc::new(buffer);
        let mut lent = self.0.lock();
        if lent.by_address.len() >= lent.most {
            lent.by_address.retain(|_, buffer| buffer.strong_count() > 0);
            lent.most = 2 * lent.by_address.len().max(8);
        }
        lent.by_address.insert(buffer.as_ptr().addr(), Arc::downgrade(&buffer));
        Bytes::from_owner(Owner(buffer))
    }

    /// The buffer that `slice` lies in.
    fn owner(&self, slice: &[u8]) -> Option<Bytes> {
        let lent = self.0.lock();
        let (_, buffer) = lent.by_address.range(..=slice.as_ptr().addr()).next_back()?;
        let buffer = buffer.upgrade().filter(|buffer| lies_in(slice, buffer))?;
        Some(Bytes::from_owner(Owner(buffer)))
    }
}

/// Whether `slice` is a part of `whole`, which both are borrowed and so both there.
fn lies_in(slice: &[u8], whole: &[u8]) -> bool {
    let (slice, whole) = (slice.as_ptr_range(), whole.as_ptr_range());
    whole.start <= slice.start && slice.end <= whole.end
}

/// A buffer that bytes share.
struct Owner(Arc<Buffer>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// `S`, written to in larger pieces.
#[derive(Debug)]
pub(crate) struct Coalesced<S> {
    socket: S,
    lent: Lent,
    /// The buffer that was written of last.
    current: Bytes,
    waiting: Waiting,
    /// How many bytes came since the last flush.
    fresh: usize,
}

impl<S> Coalesced<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self { socket, lent: Lent::default(), current: Bytes::new(), waiting: Waiting::default(), fresh: 0 }
    }

    pub(crate) fn socket(&self) -> &S {
        &self.socket
    }

    pub(crate) fn lent(&self) -> &Lent {
        &self.lent
    }

    /// `slice` as a part of a lent buffer, if it is one.
    fn kept(&mut self, slice: &[u8]) -> Option<Bytes> {
        if !lies_in(slice, &self.current) {
            self.current = self.lent.owner(slice)?;
        }
        Some(self.current.slice_ref(slice))
    }
}

impl<S: AsyncWrite + Unpin> Coalesced<S> {
    fn poll_drain(&mut self, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.waiting.length > 0 {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let slices = self.waiting.slices(&mut slices);
            let written = ready!(Pin::new(&mut self.socket).poll_write_vectored(ctx, slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.waiting.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what waits, and keeps nothing: an idle connection costs nothing.
    fn poll_empty(&mut self, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(ctx))?;
        self.waiting = Waiting::default();
        self.current = Bytes::new();
        Poll::Ready(Ok(()))
    }
}

/// What waits to be written, in order.
#[derive(Debug, Default)]
struct Waiting {
    parts: VecDeque<Part>,
    /// The copied parts, one behind the other.
    copied: Vec<u8>,
    /// How many of the copied bytes have been written.
    written: usize,
    /// How many bytes wait.
    length: usize,
}

/// A part of what waits.
#[derive(Debug)]
enum Part {
    /// The next so many of the copied bytes.
    Copied(usize),
    /// A part of a lent buffer.
    Kept(Bytes),
}

impl Waiting {
    fn is_full(&self) -> bool {
        self.length >= MOST || self.copied.len() >= MOST_COPIED
    }

    fn keep(&mut self, bytes: Bytes) {
        if self.copied.capacity() < HEADS {
            // More will come. At once, and not by doubling: this is let go of after each write.
            self.copied.reserve_exact(HEADS - self.copied.len());
            self.parts.reserve_exact(SLICES);
        }
        self.length += bytes.len();
        self.parts.push_back(Part::Kept(bytes));
    }

    /// Copies `bytes`, or as many of them as there is room for; answers how many.
    fn copy(&mut self, bytes: &[u8]) -> usize {
        let room = MOST_COPIED.saturating_sub(self.copied.len());
        let bytes = bytes.get(..room).unwrap_or(bytes);
        if self.copied.capacity() < MOST_COPIED && bytes.len() >= LARGE {
            // At once, and not by doubling: that would copy everything once more.
            self.copied.reserve_exact(room);
        }
        self.copied.extend_from_slice(bytes);
        self.length += bytes.len();
        match self.parts.back_mut() {
            Some(Part::Copied(length)) => *length += bytes.len(),
            Some(Part::Kept(_)) | None => self.parts.push_back(Part::Copied(bytes.len())),
        }
        bytes.len()
    }

    /// As much of the beginning as fits into `slices`.
    fn slices<'a, 's>(&'a self, slices: &'s mut [IoSlice<'a>; SLICES]) -> &'s [IoSlice<'a>] {
        let (mut copied, mut count) = (&self.copied[self.written..], 0);
        for (slice, part) in slices.iter_mut().zip(&self.parts) {
            *slice = IoSlice::new(match part {
                Part::Copied(length) => {
                    let (part, rest) = copied.split_at(*length);
                    copied = rest;
                    part
                }
                Part::Kept(bytes) => bytes,
            });
            count += 1;
        }
        &slices[..count]
    }

    /// Lets go of the first `written` bytes.
    fn advance(&mut self, mut written: usize) {
        self.length -= written;
        while let Some(part) = self.parts.front_mut().filter(|_| written > 0) {
            let length = match part {
                Part::Copied(length) => *length,
                Part::Kept(bytes) => bytes.len(),
            };
            let gone = length.min(written);
            written -= gone;
            match part {
                Part::Copied(length) => {
                    *length -= gone;
                    self.written += gone;
                }
                Part::Kept(bytes) => bytes::Buf::advance(bytes, gone),
            }
            if gone == length {
                self.parts.pop_front();
            }
        }
        if self.length == 0 {
            self.copied.clear();
            self.written = 0;
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Coalesced<S> {
    fn poll_write(self: Pin<&mut Self>, ctx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(ctx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = bytes.iter().map(|slice| slice.len()).sum();
        if self.waiting.length == 0 && length < FOLLOWED {
            // Whoever goes away after it, as TLS does after an alert, does not flush.
            return Pin::new(&mut self.socket).poll_write_vectored(ctx, bytes);
        }
        if self.waiting.is_full() {
            ready!(self.poll_drain(ctx))?;
        }
        let before = self.waiting.length;
        for slice in bytes {
            let kept = if slice.len() >= LARGE { self.kept(slice) } else { None };
            if let Some(kept) = kept {
                self.waiting.keep(kept);
            } else if self.waiting.copy(slice) < slice.len() {
                break;
            }
        }
        let taken = self.waiting.length - before;
        self.fresh = self.fresh.saturating_add(taken);
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let fresh = std::mem::take(&mut self.fresh);
        if fresh >= FOLLOWED && !self.waiting.is_full() {
            // Should nothing follow, the turn that is asked for here begins with a read, which writes what waits. Waking
            // the task itself would also wake an idle thread, to look for work that this one goes on with.
            let _asked = pin!(yield_now()).poll(ctx);
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_empty(ctx))?;
        Pin::new(&mut self.socket).poll_flush(ctx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(ctx))?;
        Pin::new(&mut self.socket).poll_shutdown(ctx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Coalesced<S> {
    fn poll_read(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Whether there is room to write does not matter to whoever reads.
        if self.fresh == 0 && self.waiting.length > 0 {
            let _ = self.poll_empty(ctx)?;
        }
        Pin::new(&mut self.socket).poll_read(ctx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::{Arc, atomic::AtomicUsize, atomic::Ordering},
        time::Duration,
    };

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::timeout,
    };

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
    async fn an_answer_and_its_trailers_are_written_together() {
        let (near, mut far) = tokio::io::duplex(64 << 10);
        let writes = Arc::new(AtomicUsize::new(0));
        let mut near = Coalesced::new(Counted(near, Arc::clone(&writes)));
        for _ in 0..3 {
            near.write_all(&[1; FOLLOWED]).await.unwrap();
            near.flush().await.unwrap();
            near.write_all(&[2; 10]).await.unwrap();
            near.flush().await.unwrap();
            let mut got = [0; FOLLOWED + 10];
            far.read_exact(&mut got).await.unwrap();
            assert_eq!(got[FOLLOWED - 1..=FOLLOWED], [1, 2]);
        }
        assert_eq!(writes.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn what_nothing_follows_goes_out_in_the_next_turn() {
        let (near, mut far) = tokio::io::duplex(64 << 10);
        let mut near = Coalesced::new(near);
        let reader = tokio::spawn(async move {
            let mut got = [0; FOLLOWED];
            far.read_exact(&mut got).await.unwrap();
            far.write_all(b"!").await.unwrap();
        });
        // As HTTP/2 does, which reads first in each turn, and waits for its other end when it has nothing more to write.
        let mut unsaid = Some([1; FOLLOWED]);
        let answer = poll_fn(|ctx| {
            let mut byte = [0; 1];
            let read = Pin::new(&mut near).poll_read(ctx, &mut ReadBuf::new(&mut byte))?;
            if let Some(bytes) = unsaid.take() {
                assert_eq!(Pin::new(&mut near).poll_write(ctx, &bytes)?, Poll::Ready(FOLLOWED));
                assert_eq!(Pin::new(&mut near).poll_flush(ctx)?, Poll::Ready(()));
            }
            read.map(|()| io::Result::Ok(byte))
        });
        let answer = timeout(Duration::from_secs(10), answer).await.expect("it is written");
        assert_eq!(answer.unwrap(), *b"!");
        reader.await.unwrap();
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

    #[tokio::test]
    async fn what_is_lent_is_kept_and_not_copied() {
        let (near, mut far) = tokio::io::duplex(10_000);
        let mut near = Coalesced::new(near);
        let numbers: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let lent = near.lent().lend(Buffer::from(numbers.as_slice()));
        let mut sent = Vec::new();
        let expected: Vec<u8> = lent.chunks(16 << 10).flat_map(|frame| [b"head", frame].concat()).collect();
        let reader = tokio::spawn(async move {
            far.read_to_end(&mut sent).await.unwrap();
            assert!(sent == expected, "what arrives is not what was sent");
        });
        for frame in lent.chunks(16 << 10) {
            near.write_all(b"head").await.unwrap();
            near.write_all(frame).await.unwrap();
            assert!(near.waiting.copied.len() < 1000, "a frame was copied");
        }
        // Whoever lent it may let go of it before it is written.
        drop(lent);
        near.shutdown().await.unwrap();
        drop(near);
        reader.await.unwrap();
    }

    #[test]
    fn a_buffer_that_is_gone_is_not_found() {
        let lent = Lent::default();
        let bytes = lent.lend(Buffer::from(vec![1_u8; 100]));
        assert_eq!(lent.owner(&bytes[10..20]), Some(bytes.clone()));
        assert_eq!(lent.owner(&[1; 10]), None);
        drop(bytes);
        let other = lent.lend(Buffer::from(vec![2_u8; 100]));
        assert_eq!(lent.owner(&other), Some(other.clone()));
        for _ in 0..1000 {
            lent.lend(Buffer::from(vec![3_u8; 100]));
        }
        assert!(lent.0.lock().by_address.len() <= 16, "what is gone is forgotten");
    }
}
