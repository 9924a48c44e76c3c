//! The provisioning log: one event for each operation that a directory asks for, with what changed and what came of it.
//!
//! It is for the administrator of the directory, not evidence: that is the chain. So it may hold values, is kept for a
//! while only, and an operation that was refused is in it as well.

mod entry;
mod failures;
mod outcomes;
mod read;
mod values;

use std::future::Future;

use jiff::SignedDuration;
use sallyport_domain::{GroupId, RequestId, ResourceId, TenantId, UserId};
use sallyport_scim::Kind;
use sallyport_store::{ReadTx, StoreError};
use serde_json::{Map, Value};

pub(super) use self::entry::{Entry, note_departed};
pub(super) use self::failures::Failures;
pub use self::outcomes::{Outcomes, Tally, Trouble};
use super::{App, AppError, DirectoryError};

/// As long as Entra keeps its own.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Some ten times an initial cycle of the largest directory that this is made for.
const MOST: u64 = 1_000_000;
/// Forgotten in one transaction: others want to write as well.
const STEP: usize = 2_000;
/// Steps at a time, so that a log that grows is outrun.
const STEPS: usize = 20;

/// What an operation does.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Verb {
    Create,
    Delete,
    /// In the log when it is refused only.
    Read,
    /// PUT.
    Replace,
    /// PATCH.
    Update,
}

impl Verb {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Read => "read",
            Self::Replace => "replace",
            Self::Update => "update",
        }
    }

    /// The status of success.
    const fn status(self) -> u16 {
        match self {
            Self::Create => 201,
            Self::Delete => 204,
            Self::Read | Self::Replace | Self::Update => 200,
        }
    }
}

/// An operation as far as it is known before it is tried.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub tenant: TenantId,
    pub request: RequestId,
    pub verb: Verb,
    pub kind: Kind,
    /// The id in the path.
    pub id: Option<String>,
    /// The `userName` or `displayName` that came with it.
    pub name: Option<String>,
}

impl Attempt {
    pub(super) fn create(
        tenant: TenantId,
        request: RequestId,
        kind: Kind,
        body: &Map<String, Value>,
    ) -> Self {
        let attribute = match kind {
            Kind::Group => "displayName",
            Kind::User => "userName",
        };
        let name = body.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute));
        let name = name.and_then(|(_, value)| value.as_str()).map(str::to_owned);
        Self { tenant, request, verb: Verb::Create, kind, id: None, name }
    }

    pub(super) fn of(
        tenant: TenantId,
        request: RequestId,
        verb: Verb,
        kind: Kind,
        id: &impl ToString,
    ) -> Self {
        Self { tenant, request, verb, kind, id: Some(id.to_string()), name: None }
    }
}

impl App {
    /// Runs an operation. One that is refused changed nothing, so its event is a write of its own.
    pub(super) async fn attempt<T, F>(&self, attempt: Attempt, work: F) -> Result<T, DirectoryError>
    where
        F: Future<Output = Result<T, DirectoryError>>,
    {
        match work.await {
            Err(DirectoryError::Scim(error)) => {
                self.note_refusal(attempt, error.status(), error.scim_type(), error.detail()).await;
                Err(DirectoryError::Noted(error))
            }
            outcome => outcome,
        }
    }

    /// Writes down an operation that was refused. That the log cannot be written changes no answer.
    pub async fn note_refusal(
        &self,
        attempt: Attempt,
        status: u16,
        scim_type: Option<&'static str>,
        detail: String,
    ) {
        let now = self.now();
        let written = self.store().write(move |tx| {
            let concerned = Concerned::find(tx, &attempt)?;
            Entry::refused(&attempt, &concerned, status, scim_type, &detail).write(tx, now, attempt.request)
        });
        let written: Result<(), StoreError> = written.await;
        if let Err(error) = written {
            tracing::warn!(%error, "a refused operation could not be written to the provisioning log");
        }
    }

    /// Forgets what is older than the log is kept, or more than it holds.
    pub async fn forget_old_provisioning(&self) -> Result<(), AppError> {
        let now = self.now();
        let before = now.checked_sub(KEPT).map_err(|error| AppError::internal("the clock", error))?;
        for _ in 0..STEPS {
            let work = move |tx: &mut dyn sallyport_store::WriteTx| {
                Ok::<_, AppError>(tx.forget_provisioning(before, MOST, STEP)?)
            };
            if self.store().write(work).await? < STEP {
                break;
            }
        }
        Ok(())
    }
}

/// Whom a refused operation would have concerned, as far as that can be told.
#[derive(Debug, Default)]
struct Concerned {
    name: Option<String>,
    person: Option<UserId>,
    group: Option<GroupId>,
}

impl Concerned {
    fn find(tx: &(impl ReadTx + ?Sized), attempt: &Attempt) -> Result<Self, StoreError> {
        let id = attempt.id.as_deref();
        match attempt.kind {
            Kind::User => {
                let id: Option<ResourceId> = id.and_then(|id| id.parse().ok());
                let mut found = id.map(|id| tx.resource(attempt.tenant, id)).transpose()?.flatten();
                if let (None, Some(name)) = (&found, &attempt.name) {
                    found = tx.resource_by_user_name(attempt.tenant, name)?;
                }
                Ok(found.map_or_else(Self::default, |row| Self {
                    name: Some(row.user_name),
                    person: Some(row.user),
                    group: None,
                }))
            }
            Kind::Group => {
                let id: Option<GroupId> = id.and_then(|id| id.parse().ok());
                let found = id.map(|id| tx.group(attempt.tenant, id)).transpose()?.flatten();
                Ok(Self { name: found.map(|row| row.display_name), person: None, group: id })
            }
        }
    }
}
