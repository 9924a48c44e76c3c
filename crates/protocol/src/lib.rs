//! The contract of the three programs: paths, requests, replies, problem codes and what is signed over which bytes.
//!
//! Pure: values in, values out. Both ends use these types, and the vectors in `tests/` of this crate pin the bytes
//! for everybody else.

mod bootstrap;
mod certificate;
mod fingerprint;
mod hosts;
mod paths;
mod problem;
mod request_signature;
mod signed;
mod sshsig;

pub mod admin;
pub mod names;

pub use bootstrap::Bootstrap;
pub use certificate::{
    CertificateProof, IssueUserReply, IssueUserRequest, LOGIN_RANDOM_LENGTH, LoginRandom, LoginRandomError,
    Previous, login_nonce,
};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use hosts::{
    Account, Content, Counts, EnrollReply, EnrollRequest, HostCertificateReply, HostCertificateRequest,
    HostKeyProof, Lease, LocalNames, PosixGroup, Report, ReportProblem, SnapshotError, SnapshotHeader,
    SnapshotReply, open_snapshot, sha256_hex,
};
pub use paths::path;
pub use problem::{Problem, ProblemCode};
pub use request_signature::{RequestSignature, RequestSignatureError, SCHEME, SignedRequest};
pub use signed::{OpenError, Signed};
pub use sshsig::{Namespace, SshSigError, sign_armored, sign_blob, verify_armored, verify_blob};
