//! The time that a request has from its headers to its answer, and whose fault it is when that is over.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Error;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use sallyport_protocol::ProblemCode;

use super::Failure;

/// Ends what takes longer: `too_slow` for a body that is not there yet, `internal` for an answer that is not.
pub(super) async fn keep(State(time): State<Duration>, request: Request, next: Next) -> Response {
    let (parts, inner) = request.into_parts();
    let arrived = Arc::new(AtomicBool::new(inner.is_end_stream()));
    let body = Body::new(Watched { inner, arrived: arrived.clone() });
    match tokio::time::timeout(time, next.run(Request::from_parts(parts, body))).await {
        Ok(response) => response,
        Err(_) => over(time, arrived.load(Ordering::Relaxed)).into_response(),
    }
}

fn over(time: Duration, arrived: bool) -> Failure {
    if arrived {
        Failure::new(ProblemCode::Internal, "the request took too long; try again")
    } else {
        let seconds = time.as_secs();
        Failure::new(
            ProblemCode::TooSlow,
            format!("the body of the request was not here after {seconds} seconds; send it again, faster"),
        )
    }
}

/// A body that tells when all of it was read.
struct Watched {
    inner: Body,
    arrived: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) || self.inner.is_end_stream() {
            self.arrived.store(true, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
