//! The promise of storage: who keeps what, and when a write counts.
//!
//! A use case is one closure over a transaction: [`Store::read`] or [`Store::write`]. A write closure runs alone, in a
//! savepoint: when it returns `Err`, nothing of it stays; when `write` returns `Ok`, all of it is durable
//! ([`Store::write_firm`] has no savepoint: there an `Err` after a change takes everybody's writes along). No
//! transaction is ever held across an `await`. Lookups give `Option`: that something is not there is an answer, not an
//! error. [`conformance`] is this contract as tests, for whatever database stands behind it.
//!
//! What holds for every call:
//! - A call that errs changes nothing, also when the closure goes on and returns `Ok`: insert, see [`StoreError::Taken`],
//!   look.
//! - `put_…` inserts the row, or replaces the one with its id. Rows that it names must be there already, else
//!   [`StoreError::Missing`]: the person before the resource, the session before the certificate.
//! - Lists are in the order in which the rows were first put, where nothing else is said.
//! - Times are kept in microseconds; what is finer is cut off, so that no time gets later by being stored.
//! - Without regard to case means: equal after [`folded`].
#![expect(clippy::missing_errors_doc, reason = "every call can end in a StoreError, which says it all")]

mod audit_log;
mod certificates;
mod connections;
mod directory;
mod error;
mod grants;
mod handle;
mod hosts;
mod ledger;
mod meta;
mod posix_groups;
mod provisioning;
mod tokens;
mod unsettled;

pub mod conformance;

pub use audit_log::{AuditLog, AuditLogMut};
pub use certificates::{
    CertificateKind, CertificateRow, Certificates, CertificatesMut, LoginKind, SessionRow, TokenUse,
};
pub use connections::{ConnectionRow, Connections, ConnectionsMut};
pub use directory::{Directory, DirectoryMut, GroupRow, Page, PersonRow, ResourceLabel, ResourceRow};
pub use error::StoreError;
pub use grants::{GrantRow, Grants, GrantsMut, LostGrantRow};
pub use handle::{Backend, ReadJob, Store, WriteJob};
pub use hosts::{EnrollTokenRow, HostRow, Hosts, HostsMut, ReportRow};
pub use ledger::{AdoptionRow, ExpressionRow, ForeignRows, Ledger, LedgerMut, LedgerRow, NameRow};
pub use meta::{Meta, MetaMut};
pub use posix_groups::{PosixGroupLedger, PosixGroupLedgerMut, PosixGroupRow};
pub use provisioning::{Concerning, ProvisioningLog, ProvisioningLogMut, ProvisioningRow};
pub use sallyport_domain::folded;
pub use tokens::{AccessTokenRow, CredentialKind, ScimTokenRow, ScimTokens, ScimTokensMut, SecretHash};
pub use unsettled::{Unsettled, UnsettledGroups, UnsettledGroupsMut, UnsettledRow};

/// Everything that can be asked.
pub trait ReadTx:
    AuditLog
    + Certificates
    + Connections
    + Directory
    + Grants
    + Hosts
    + Ledger
    + Meta
    + PosixGroupLedger
    + ProvisioningLog
    + ScimTokens
    + UnsettledGroups
{
}

/// Everything that can be asked and changed.
pub trait WriteTx:
    ReadTx
    + AuditLogMut
    + CertificatesMut
    + ConnectionsMut
    + DirectoryMut
    + GrantsMut
    + HostsMut
    + LedgerMut
    + MetaMut
    + PosixGroupLedgerMut
    + ProvisioningLogMut
    + ScimTokensMut
    + UnsettledGroupsMut
{
}

impl<T> ReadTx for T where
    T: AuditLog
        + Certificates
        + Connections
        + Directory
        + Grants
        + Hosts
        + Ledger
        + Meta
        + PosixGroupLedger
        + ProvisioningLog
        + ScimTokens
        + UnsettledGroups
{
}
impl<T> WriteTx for T where
    T: ReadTx
        + AuditLogMut
        + CertificatesMut
        + ConnectionsMut
        + DirectoryMut
        + GrantsMut
        + HostsMut
        + LedgerMut
        + MetaMut
        + PosixGroupLedgerMut
        + ProvisioningLogMut
        + ScimTokensMut
        + UnsettledGroupsMut
{
}
