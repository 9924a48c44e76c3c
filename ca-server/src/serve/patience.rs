//! Hyper waits for ever for somebody who asks and does not read the answer. This does not.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::Limits;

/// A stream whose other side takes what is written at a pace, or is cut off.
///
/// Below TLS, so that what TLS holds back counts too.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    limits: Limits,
    /// Runs while something could not be written; boxed, because a timer may not move.
    waiting: Option<Pin<Box<Sleep>>>,
    /// Bytes taken since the timer was set.
    taken: usize,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, limits: Limits) -> Self {
        Self { stream, limits, waiting: None, taken: 0 }
    }

    /// What a write came to, of `asked` bytes.
    fn judge(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
        asked: usize,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(taken)) if taken < asked => {
                self.taken = self.taken.saturating_add(taken);
                Poll::Ready(Ok(taken))
            }
            Poll::Ready(done) => {
                self.waiting = None;
                Poll::Ready(done)
            }
            Poll::Pending => {
                ready!(self.out_of_patience(cx));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the answer is not read")))
            }
        }
    }

    /// Ready when the time is over and too little was taken in it.
    fn out_of_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limits = self.limits;
        let Self { waiting, taken, .. } = self;
        let timer = waiting.get_or_insert_with(|| {
            *taken = 0;
            Box::pin(tokio::time::sleep(limits.write))
        });
        loop {
            ready!(timer.as_mut().poll(cx));
            if *taken < limits.slowest {
                return Poll::Ready(());
            }
            *taken = 0;
            timer.as_mut().reset(Instant::now() + limits.write);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.judge(cx, written, buf.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.judge(cx, written, bufs.iter().map(|buf| buf.len()).sum())
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
