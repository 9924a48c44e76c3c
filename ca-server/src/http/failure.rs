use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sallyport_domain::RequestId;
use sallyport_protocol::{Problem, ProblemCode};

use crate::app::{AppError, Refusal};
use crate::log::Chain;

/// A request that ends without its answer. Becomes a problem document once the request's id is known (see
/// [`super::trace`]).
#[derive(Clone, Debug)]
pub struct Failure {
    problem: Problem,
    /// Seconds.
    retry_after: Option<u64>,
}

impl Failure {
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { problem: Problem::new(code, detail), retry_after: None }
    }

    pub(super) const fn code(&self) -> ProblemCode {
        self.problem.code
    }

    pub(super) fn detail(&self) -> &str {
        &self.problem.detail
    }

    /// Seconds.
    pub(super) const fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The document as it is sent.
    pub(super) fn render(self, request: RequestId) -> Response {
        let status = self.status();
        let problem = Problem { request: Some(request.to_string()), ..self.problem };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Sallyport"));
        }
        response
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, detail, server_time, retry_after } = refusal;
        Self { problem: Problem { server_time, ..Problem::new(code, detail) }, retry_after }
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Refused(refusal) => refusal.into(),
            AppError::Internal { what, source } => {
                tracing::error!(what, error = %Chain(source.as_ref()), "a request failed inside");
                Self::new(
                    ProblemCode::Internal,
                    "something failed inside; the server's log has this request's id",
                )
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

pub(super) async fn method_not_allowed() -> Failure {
    Failure::new(ProblemCode::MethodNotAllowed, "this address does not know that method")
}
