use std::path::PathBuf;

use sallyport_protocol::{OpenError, Problem, ProblemCode, RequestSignatureError};
use sallyport_trust_roots::TrustError;

/// Why a request to the CA came to nothing. `Display` never repeats its source: print the chain.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The system gives no socket to the administrators' commands.
    #[error("no answer on {}; is `sallyport-ca serve` running, and may you open the socket?", path.display())]
    AdminSocket {
        path: PathBuf,
        #[source]
        source: reqwest::Error,
    },
    /// Nothing was asked.
    #[error("{id:?} is not an id: letters and digits, as the list prints them")]
    NotAnId { id: String },
    /// The document at the address is not signed by the pinned identity key.
    #[error("{url} is not the CA whose fingerprint was given")]
    NotTrusted {
        url: String,
        #[source]
        source: OpenError,
    },
    /// The CA refused, and says why.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// An answer that no CA of this version gives.
    #[error("{url} answered with {found}; is this the CA, and is no proxy in between?")]
    Protocol { url: String, found: String },
    #[error("the request could not be signed")]
    Sign(#[from] RequestSignatureError),
    #[error("{url} answered with more than {limit} bytes; is this the CA, and is no proxy in between?")]
    TooLarge { url: String, limit: usize },
    #[error("the TLS roots to trust cannot be used")]
    TrustRoots(#[from] TrustError),
    #[error("no answer from {url}; check the address, the network, and that the CA is running")]
    Unreachable {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    /// No version of the protocol is spoken by both.
    #[error(
        "the CA speaks versions {theirs:?} of the protocol and this program speaks {ours}; update the older one"
    )]
    Version { theirs: Vec<u32>, ours: u32 },
}

impl ClientError {
    /// Whether the same question may find an answer in a while: nobody was there, or the CA is in trouble.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Problem(problem) => {
                problem.status >= 500 || matches!(problem.code, ProblemCode::TooMany | ProblemCode::TooSlow)
            }
            Self::AdminSocket { .. } | Self::Unreachable { .. } => true,
            _ => false,
        }
    }

    /// The CA's own word, when it is one.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }
}
