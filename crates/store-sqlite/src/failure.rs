use std::sync::Arc;

use rusqlite::ffi;
use sallyport_store::StoreError;

/// What SQLite calls a constraint, and what the promise calls it.
const NOUNS: &[(&str, &str)] = &[
    ("audit.seq", "audit number"),
    ("certificates.serial", "serial"),
    ("enroll_tokens.hash", "enrolment token"),
    ("host_names.name", "host name"),
    ("hosts.machine_fingerprint", "machine key"),
    ("people.posix_name", "POSIX name"),
    ("people.tenant, people.object", "subject"),
    ("people.uid", "uid"),
    ("posix_ids.number", "uid"),
    ("posix_names.name", "POSIX name"),
    ("resources.tenant, resources.user_name_folded", "userName"),
    ("scim_tokens.hash", "SCIM token"),
    ("sessions.id", "session"),
    ("token_uses.ends_at, token_uses.token", "token"),
];

/// SQLite gave up the whole transaction by itself (it may, when the disk is full): from then on it would commit every
/// statement alone.
#[derive(Debug, thiserror::Error)]
#[error("the transaction was lost to an earlier failure")]
pub(crate) struct TransactionLost;

/// A number too large for SQLite's integers, which have 63 bits and a sign.
#[derive(Debug, thiserror::Error)]
#[error("{0} is larger than the database can hold")]
pub(crate) struct TooLarge(pub(crate) u64);

/// Why a whole batch is gone; each of its callers gets a share of the reason.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum BatchLost {
    #[error("the writes that share a commit could not be made durable")]
    Database(#[source] Arc<rusqlite::Error>),
    #[error("one of the writes that share a commit failed half-way, and they were all rolled back")]
    NotFirm,
}

impl From<rusqlite::Error> for BatchLost {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

pub(crate) fn database(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Database(Box::new(error))
}

/// A change that was refused; `parent` names what the row refers to.
pub(crate) fn refused(error: rusqlite::Error, parent: &'static str) -> StoreError {
    match &error {
        rusqlite::Error::SqliteFailure(code, message) => match code.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => {
                StoreError::Taken(noun(message.as_deref().unwrap_or_default()))
            }
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => StoreError::Missing(parent),
            _ => database(error),
        },
        _ => database(error),
    }
}

fn noun(message: &str) -> &'static str {
    let columns = message.strip_prefix("UNIQUE constraint failed: ").unwrap_or(message);
    NOUNS.iter().find(|(known, _)| *known == columns).map_or("id", |(_, noun)| noun)
}
