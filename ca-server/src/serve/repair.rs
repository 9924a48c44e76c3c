//! Addresses as some clients write them, with quotes in them as they are: hyper's parser refuses them before any of
//! our code runs. Below hyper, this encodes them in the first line of a request for SCIM.
//!
//! Who changes bytes below a parser must know where requests begin, and two who disagree about that are how requests
//! are smuggled. So hyper alone says it. A head is handed over one line at a time; a head ends with a line, so at the
//! moment in which hyper announces one, nothing of what follows has been handed over. With it hyper says how long the body is:
//! so many bytes are passed on, and the next line is a first one. A chunked body is followed only where it is of the plainest
//! kind. After anything else nothing is looked at any more, and hyper reads what was sent.

mod chunks;
mod line;

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::http::{Method, Request, Version, header};
use hyper::body::Body;
use tokio::io::{AsyncRead, AsyncWrite, Join, ReadBuf, ReadHalf, WriteHalf};

use self::chunks::{Chunks, Way};
use self::line::{LONGEST, Outcome};

const READ: usize = 8 * 1024;
/// Of a line that is too long anyhow, this much is read so that it can be told.
const LONGEST_REFUSED: usize = 1024 * 1024;

/// Why the address of a request is none that could be served: an extension of the request that came of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unreadable {
    Space,
    TooLong,
}

/// What hyper says about the requests of one connection, for the stream below it.
#[derive(Clone, Debug, Default)]
pub(super) struct Heads(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    /// What follows the head that was read last.
    next: Option<Following>,
    unreadable: Option<Unreadable>,
}

/// What follows a head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Following {
    Body(u64),
    Chunks,
    /// Nothing that this can follow.
    Other,
}

impl Heads {
    /// Hyper has read this head, and nothing behind it.
    pub(super) fn read<B: Body>(&self, request: &Request<B>) -> Option<Unreadable> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Two without a read between them: then something here is not understood.
        let following = if told.next.is_some() { Following::Other } else { Following::of(request) };
        told.next = Some(following);
        told.unreadable.take()
    }

    fn next(&self) -> Option<Following> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next.take()
    }

    fn unreadable(&self, why: Unreadable) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).unreadable = Some(why);
    }
}

impl Following {
    fn of<B: Body>(request: &Request<B>) -> Self {
        let leaves_http =
            request.method() == Method::CONNECT || request.headers().contains_key(header::UPGRADE);
        if request.version() != Version::HTTP_11 || leaves_http {
            return Self::Other;
        }
        if request.body().is_end_stream() {
            return Self::Body(0);
        }
        // Of a body without a length, hyper knows none.
        request.body().size_hint().exact().map_or(Self::Chunks, Self::Body)
    }
}

/// Where the next byte that is handed over stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// In front of a request.
    Start,
    /// In a first line of which too much has come: how long its method is, with the space behind it, and how much of
    /// the rest was thrown away.
    Refused {
        method: usize,
        dropped: usize,
    },
    /// In a head, behind its first line.
    Head,
    Body {
        left: u64,
    },
    Chunks(Chunks),
    /// Anywhere: nothing is looked at.
    Lost,
}

/// What is read is repaired where `on`, else it passes as it is; what is written passes.
pub(super) fn repairing<S: AsyncRead + AsyncWrite>(
    stream: S,
    heads: Heads,
    on: bool,
) -> Join<Repairing<ReadHalf<S>>, WriteHalf<S>> {
    let (read, write) = tokio::io::split(stream);
    tokio::io::join(Repairing::new(read, heads, on), write)
}

/// A stream whose first lines are repaired on the way.
#[derive(Debug)]
pub(super) struct Repairing<S> {
    stream: S,
    heads: Heads,
    place: Place,
    held: Vec<u8>,
    /// The end of what may be handed over, in `held`.
    free: usize,
    /// The end of what was.
    given: usize,
}

impl<S> Repairing<S> {
    const fn new(stream: S, heads: Heads, on: bool) -> Self {
        let place = if on { Place::Start } else { Place::Lost };
        Self { stream, heads, place, held: Vec::new(), free: 0, given: 0 }
    }

    /// Frees some of what is held, if what is known suffices.
    fn advance(&mut self) -> io::Result<()> {
        let held = &self.held[self.free..];
        match self.place {
            _ if held.is_empty() => {}
            Place::Start => self.start()?,
            Place::Refused { method, dropped } => self.refused(method, dropped)?,
            // Also a part of a line: no head ends there.
            Place::Head => self.free += line_end(held).unwrap_or(held.len()),
            Place::Body { left } => {
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(held.len());
                self.free += most;
                self.place = body(left - u64::try_from(most).unwrap_or(left));
            }
            Place::Chunks(place) => {
                let (end, place) = match place.walk(held) {
                    Way::On(place) => (held.len(), Place::Chunks(place)),
                    Way::End(end) => (end, Place::Start),
                    Way::Lost => (held.len(), Place::Lost),
                };
                self.free += end;
                self.place = place;
            }
            Place::Lost => self.free = self.held.len(),
        }
        Ok(())
    }

    fn start(&mut self) -> io::Result<()> {
        let held = &self.held[self.free..];
        let Some(end) = line_end(held) else {
            match line::method(held) {
                // Half of an empty line.
                None if held == b"\r" => {}
                // Somebody else's line: it may pass as it comes.
                None => {
                    self.free = self.held.len();
                    self.place = Place::Head;
                }
                Some(method) if held.len() > LONGEST => {
                    let method = method.len();
                    self.refused(method, 0)?;
                }
                Some(_) => {}
            }
            return Ok(());
        };
        let line = &held[..end];
        // RFC 9112, section 2.2: empty lines in front of a request are passed over.
        if matches!(line, b"\n" | b"\r\n") {
            self.free += end;
            return Ok(());
        }
        self.place = Place::Head;
        match line::repair(line) {
            Outcome::Same => self.free += end,
            Outcome::Repaired(line) => self.put(end, &line),
            Outcome::Replaced(line, why) => {
                self.heads.unreadable(why);
                self.put(end, &line);
            }
        }
        Ok(())
    }

    /// Waits for the end of a line that is too long, and keeps its method alone.
    fn refused(&mut self, method: usize, dropped: usize) -> io::Result<()> {
        let held = &self.held[self.free..];
        let Some(end) = line_end(held) else {
            let dropped = dropped + held.len() - method;
            self.held.truncate(self.free + method);
            self.place = Place::Refused { method, dropped };
            return if dropped > LONGEST_REFUSED { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) };
        };
        if let Outcome::Replaced(line, why) = line::replaced(&held[..method], Unreadable::TooLong) {
            self.heads.unreadable(why);
            self.put(end, &line);
        }
        self.place = Place::Head;
        Ok(())
    }

    /// Frees `line` instead of the next `end` bytes.
    fn put(&mut self, end: usize, line: &[u8]) {
        self.held.splice(self.free..self.free + end, line.iter().copied());
        self.free += line.len();
    }

    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let most = buf.remaining().min(self.free - self.given);
        buf.put_slice(&self.held[self.given..self.given + most]);
        self.given += most;
        if self.given == self.held.len() {
            // An idle connection holds nothing.
            (self.held, self.free, self.given) = (Vec::new(), 0, 0);
        }
    }
}

const fn body(left: u64) -> Place {
    if left == 0 { Place::Start } else { Place::Body { left } }
}

fn line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1)
}

impl<S: AsyncRead + Unpin> Repairing<S> {
    /// The number of bytes that came.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut bytes = [MaybeUninit::uninit(); READ];
        let mut read = ReadBuf::uninit(&mut bytes);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
        self.held.drain(..self.given);
        self.free -= self.given;
        self.given = 0;
        self.held.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Repairing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(following) = this.heads.next() {
            this.place = match following {
                // A head ends where the last line that was handed over does.
                _ if this.place == Place::Lost || this.given != this.free => Place::Lost,
                Following::Body(length) => body(length),
                Following::Chunks => Place::Chunks(Chunks::START),
                Following::Other => Place::Lost,
            };
        }
        if this.place == Place::Lost && this.held.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        loop {
            if this.given == this.free {
                this.advance()?;
            }
            if this.given < this.free {
                this.hand_over(buf);
                return Poll::Ready(Ok(()));
            }
            if ready!(this.fill(cx))? == 0 {
                // Half a line, and then the end: hyper may say what it thinks of it.
                this.place = Place::Lost;
                this.free = this.held.len();
                this.hand_over(buf);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
