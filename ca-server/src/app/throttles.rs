//! What one person, token or machine may cause often: each refusal and each certificate is an event that stays for
//! ever, and the holder of one good token could fill the disk with them.

use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sallyport_domain::{EnrollTokenId, HostId, Subject};
use sallyport_policy::{Rate, Throttle};
use sallyport_protocol::ProblemCode;

use super::Refusal;

/// Somebody who is refused tries a few times, and their programs in parallel; whatever goes on gets four events a minute.
const REFUSALS: Rate = Rate { burst: 100, every: SignedDuration::from_secs(15) };
/// A script enrols a whole batch with one token that has just expired.
const REFUSED_ENROLMENTS: Rate = Rate { burst: 100, every: SignedDuration::from_secs(30) };
/// An agent renews each fortnight, and asks again when an answer was lost.
const HOST_CERTIFICATES: Rate = Rate { burst: 50, every: SignedDuration::from_mins(1) };
/// Keys remembered of each kind, twice: a few MiB.
const MOST: usize = 50_000;

#[derive(Debug)]
pub struct Throttles {
    pub(super) refusals: Shared<Subject>,
    pub(super) refused_enrolments: Shared<EnrollTokenId>,
    pub(super) host_certificates: Shared<HostId>,
}

impl Default for Throttles {
    fn default() -> Self {
        Self {
            refusals: Shared::new(REFUSALS, MOST),
            refused_enrolments: Shared::new(REFUSED_ENROLMENTS, MOST),
            host_certificates: Shared::new(HOST_CERTIFICATES, MOST),
        }
    }
}

/// A [`Throttle`] that answers in refusals.
#[derive(Debug)]
pub struct Shared<K>(Mutex<Throttle<K>>);

impl<K: Eq + Hash> Shared<K> {
    pub fn new(rate: Rate, most: usize) -> Self {
        Self(Mutex::new(Throttle::new(rate, most)))
    }

    /// # Errors
    /// `too_many` when the key has to wait. Counts nothing.
    pub fn look(&self, key: &K, now: Timestamp) -> Result<(), Refusal> {
        self.lock().wait(key, now).map_or(Ok(()), |wait| Err(too_many(wait)))
    }

    /// Counts one more.
    ///
    /// # Errors
    /// `too_many` when the key has to wait.
    pub fn take(&self, key: K, now: Timestamp) -> Result<(), Refusal> {
        self.lock().take(key, now).map_err(too_many)
    }

    fn lock(&self) -> MutexGuard<'_, Throttle<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_many(wait: SignedDuration) -> Refusal {
    let seconds = u64::try_from(wait.as_secs()).unwrap_or(0).saturating_add(1);
    let detail = format!("too many requests that came to nothing; try again in {seconds} s");
    Refusal { retry_after: Some(seconds), ..Refusal::new(ProblemCode::TooMany, detail) }
}
