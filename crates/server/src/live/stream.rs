//! A WebSocket's bytes on their way in and out: counted, paced, followed, and cut when they must be.
//! The WebSocket library reads and writes through this and knows nothing of it.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::{frames::Frames, line::Line};

/// A stream that belongs to a line: it ends with the line, and the line ends with it.
pub(super) struct Stream<S> {
    inner: S,
    line: Arc<Line>,
    frames: Frames,
    stalled_after: Duration,
    /// Reading and writing are two tasks: each waits for the cut by itself.
    cut: [Pin<Box<WaitForCancellationFutureOwned>>; 2],
    /// The person sent too fast: nothing is read before this.
    pause: Option<Pin<Box<Sleep>>>,
    /// The peer takes nothing: this long it may.
    stall: Option<Pin<Box<Sleep>>>,
}

impl<S> Stream<S> {
    pub(super) fn new(inner: S, line: Arc<Line>, stalled_after: Duration) -> Self {
        let cut = || Box::pin(line.ended().clone().cancelled_owned());
        Self { inner, cut: [cut(), cut()], line, frames: Frames::default(), stalled_after, pause: None, stall: None }
    }

    fn poll_cut(&mut self, side: usize, cx: &mut Context<'_>) -> io::Result<()> {
        match self.cut[side].as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }

    /// Writes, unless the line is cut or the peer has taken nothing for too long.
    fn poll_out<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>>
    where
        S: Unpin,
    {
        self.poll_cut(1, cx)?;
        let written = write(Pin::new(&mut self.inner), cx);
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(self.stalled_after)));
        ready!(stall.as_mut().poll(cx));
        self.line.cut();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.poll_cut(0, cx)?;
        if let Some(pause) = &mut this.pause {
            ready!(pause.as_mut().poll(cx));
            this.pause = None;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let fresh = &buf.filled()[before..];
        this.line.owes(this.frames.read(fresh, Instant::now()));
        match this.line.receive(fresh.len()) {
            Ok(pause) => {
                this.pause = pause.map(|pause| Box::pin(sleep(pause)));
                Poll::Ready(Ok(()))
            }
            Err(_) => Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.poll_out(cx, |inner, cx| inner.poll_write(cx, bytes));
        if let Poll::Ready(Ok(bytes)) = written {
            self.line.wrote(bytes);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_out(cx, |inner, cx| inner.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_out(cx, |inner, cx| inner.poll_shutdown(cx))
    }
}

impl<S> Drop for Stream<S> {
    fn drop(&mut self) {
        self.line.cut();
    }
}
