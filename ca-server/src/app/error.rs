use std::error::Error;
use std::fmt;

use jiff::Timestamp;
use sallyport_protocol::ProblemCode;
use sallyport_scim::ScimError;
use sallyport_store::StoreError;

/// A request that was understood and is refused: a stable code and one sentence that says what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    pub code: ProblemCode,
    pub detail: String,
    /// With [`ProblemCode::ClockSkew`]: the time here.
    pub server_time: Option<Timestamp>,
    /// With [`ProblemCode::TooMany`]: the seconds until it is worth asking again.
    pub retry_after: Option<u64>,
}

impl Refusal {
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), server_time: None, retry_after: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)
    }
}

/// What a use case ends with when not with its answer.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("{0}")]
    Refused(Refusal),
    /// Logged with its sources; the client hears only that it happened.
    #[error("{what} failed")]
    Internal {
        what: &'static str,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl AppError {
    pub fn internal(what: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal { what, source: source.into() }
    }

    pub fn refused(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(code, detail))
    }
}

impl From<Refusal> for AppError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => {
                Self::refused(ProblemCode::TooMany, "the server is busy; try again in a moment")
            }
            error => Self::internal("the store", error),
        }
    }
}

/// What a SCIM use case ends with when not with its answer.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// As [`DirectoryError::Scim`], and in the provisioning log already.
    #[error(transparent)]
    Noted(ScimError),
    #[error(transparent)]
    Scim(#[from] ScimError),
    #[error("the store failed")]
    Store(#[source] StoreError),
}

impl From<StoreError> for DirectoryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken(what) => Self::Scim(ScimError::Uniqueness(what.to_owned())),
            other => Self::Store(other),
        }
    }
}
