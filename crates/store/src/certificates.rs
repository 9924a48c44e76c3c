use jiff::Timestamp;
use sallyport_domain::{HostId, RequestId, Serial, SessionId, UserId};

use crate::StoreError;

/// A certificate from its intent on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificateRow {
    pub serial: Serial,
    pub kind: CertificateKind,
    pub request: RequestId,
    /// The exact to-be-signed bytes.
    pub tbs: Vec<u8>,
    pub valid_after: Timestamp,
    pub valid_before: Timestamp,
    pub intended_at: Timestamp,
    /// `None`: it may exist all the same.
    pub issued_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CertificateKind {
    Host(HostId),
    User { user: UserId, session: SessionId },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LoginKind {
    Browser,
    Device,
}

/// One human sign-in and what was renewed from it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionRow {
    pub id: SessionId,
    pub user: UserId,
    pub kind: LoginKind,
    /// When the person signed in; renewals count from here.
    pub began_at: Timestamp,
    /// The nonce of the browser login that began it.
    pub nonce: Option<String>,
    pub ended_at: Option<Timestamp>,
}

/// That a token was used, and for what: a row that can stand only once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenUse {
    /// Issuer and `uti`, or the hash of the signing input.
    pub token: String,
    /// Hash of public key, `ttl_seconds` and `asked_as`: the same again is a retry, anything else a replay.
    pub purpose: [u8; 32],
    pub serial: Serial,
    pub used_at: Timestamp,
    /// The token's own end: a part of what it is known by.
    pub ends_at: Timestamp,
}

pub trait Certificates {
    fn certificate(&self, serial: Serial) -> Result<Option<CertificateRow>, StoreError>;
    /// In the order of their serials, after `serial`.
    fn certificates_after(
        &self,
        serial: Option<Serial>,
        limit: usize,
    ) -> Result<Vec<CertificateRow>, StoreError>;
    /// Serials that are revoked and whose certificate has not ended at `now`, in their order. It ends *at* its
    /// `valid_before`, as sshd has it; one that is not valid yet is among them. So are those that a withdrawal has yet
    /// to come to: see [`crate::UnsettledGroups::withdrawn_serials`].
    fn revoked_serials(&self, now: Timestamp) -> Result<Vec<Serial>, StoreError>;
    /// The latest end of the person's certificates that were intended at `by` or before and have not ended at `now`,
    /// revoked or not: a host that has not heard of the revocation takes it.
    fn certified_until(
        &self,
        user: UserId,
        by: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError>;
    fn session(&self, id: SessionId) -> Result<Option<SessionRow>, StoreError>;
    /// The use of the token that ends at `ends_at`.
    fn token_use(&self, token: &str, ends_at: Timestamp) -> Result<Option<TokenUse>, StoreError>;
}

pub trait CertificatesMut {
    /// # Errors
    /// [`StoreError::Taken`] when the serial stands already; [`StoreError::Missing`] when the host, or the user and
    /// session, are not there.
    fn intend(&mut self, certificate: &CertificateRow) -> Result<(), StoreError>;
    /// Whether it is news: not when the certificate is not there, or is marked already. The first time stays.
    fn mark_issued(&mut self, serial: Serial, at: Timestamp) -> Result<bool, StoreError>;
    /// # Errors
    /// [`StoreError::Taken`] when the session stands already.
    fn begin_session(&mut self, session: &SessionRow) -> Result<(), StoreError>;
    /// Ends the person's sessions that have not ended and have a certificate that ended in the day before `at`, or has
    /// not ended (an older one can be renewed no more), and revokes their certificates that have not ended at `at` and
    /// are not revoked; how many were revoked.
    fn end_sessions(&mut self, user: UserId, at: Timestamp) -> Result<usize, StoreError>;
    /// # Errors
    /// [`StoreError::Taken`] when the token was used before.
    fn use_token(&mut self, token: &TokenUse) -> Result<(), StoreError>;
    /// Forgets the uses of tokens that ended before `before`; how many.
    fn forget_tokens(&mut self, before: Timestamp) -> Result<usize, StoreError>;
}
