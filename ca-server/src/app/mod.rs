//! The use cases, one file each. They order the steps and own the transaction; they know no HTTP and no SQL.

mod alarms;
mod audit;
mod bootstrap;
mod change;
mod confirm;
mod connections;
mod credentials;
mod directory;
mod doctor;
mod enroll;
mod error;
mod forget;
mod grants;
mod groups;
mod host_auth;
mod host_certificate;
mod issue_user;
mod issued;
mod naming;
mod people;
mod posix_groups;
mod provisioning;
mod report;
mod revocation;
mod revocation_list;
mod scope;
mod search;
mod settling;
mod silence;
mod snapshot;
mod standing;
#[cfg(test)]
mod testing;
mod throttles;
mod tokens;
mod upn_link;
mod users;
mod views;
mod wanted;
mod who;

use std::sync::Arc;

use jiff::Timestamp;
use rand::rngs::OsRng;
use sallyport_domain::{Clock, RequestId};
use sallyport_entra::Issuer;
use sallyport_store::Store;
use tokio::sync::{Semaphore, watch};

pub use alarms::Watch;
pub use bootstrap::SignedBytes;
pub use connections::ensure_default;
pub use credentials::{AccessGrant, Presented, Reason, ScimConnection, ScimDoor, Turned, TurnedAway};
pub use error::{AppError, DirectoryError, Refusal};
pub use groups::{GroupWrite, ShowMembers};
pub use host_auth::{AuthenticatedHost, Nonces};
pub use naming::{APPLY_REMEDY, Attributes, Mapping, Naming, preview_rows};
pub use provisioning::{Attempt, Outcomes, Verb};
pub use search::{Found, ListQuery};
pub use throttles::{Shared, Throttles};
pub use wanted::Wanted;

use self::credentials::Heard;
use self::issued::Issued;
use self::revocation_list::Encoded;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::signer::Keys;

/// Everything that a use case works with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    config: Config,
    keys: Keys,
    store: Store,
    issuer: Issuer,
    clock: SharedClock,
    nonces: Nonces,
    issued: Issued,
    throttles: Throttles,
    scim_door: ScimDoor,
    turned_away: TurnedAway,
    heard: Heard,
    failures: provisioning::Failures,
    tally: provisioning::Tally,
    /// Whose turn it is to read the whole directory.
    scans: Arc<Semaphore>,
    /// Whose turn it is to settle some members of a group.
    settling: tokio::sync::Mutex<()>,
    naming: Arc<Naming>,
    warned: upn_link::Warned,
    metrics: Metrics,
    listening_since: Timestamp,
    /// Counts up whenever some host's generation moved: wakes those that wait.
    moved: watch::Sender<u64>,
    /// As it was encoded last.
    revocation_list: tokio::sync::Mutex<Option<Encoded>>,
    /// PEM of the private root, for the bootstrap document.
    tls_roots: Vec<String>,
}

/// A clock that has nothing to say to a debugger.
#[derive(Clone)]
pub struct SharedClock(pub Arc<dyn Clock>);

impl std::fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl App {
    pub fn new(
        config: Config,
        keys: Keys,
        store: Store,
        issuer: Issuer,
        clock: Arc<dyn Clock>,
        tls_roots: Vec<String>,
    ) -> Self {
        let naming = Arc::new(Naming::new(config.names.clone()));
        let listening_since = clock.now();
        let nonces = Nonces::new(listening_since);
        let moved = watch::Sender::new(0);
        Self(Arc::new(Parts {
            config,
            keys,
            store,
            issuer,
            clock: SharedClock(clock),
            nonces,
            issued: Issued::default(),
            throttles: Throttles::default(),
            scim_door: ScimDoor::default(),
            turned_away: TurnedAway::default(),
            heard: Heard::default(),
            failures: provisioning::Failures::default(),
            tally: provisioning::Tally::default(),
            scans: Arc::new(Semaphore::new(1)),
            settling: tokio::sync::Mutex::default(),
            naming,
            warned: upn_link::Warned::default(),
            metrics: Metrics::default(),
            listening_since,
            moved,
            revocation_list: tokio::sync::Mutex::default(),
            tls_roots,
        }))
    }

    /// Read once a request; see [`Clock`].
    pub fn now(&self) -> Timestamp {
        // Whole milliseconds: what the store keeps, so that a value written and one computed compare equal.
        let now = self.0.clock.0.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    pub fn clock(&self) -> SharedClock {
        self.0.clock.clone()
    }

    pub fn new_request_id(&self) -> RequestId {
        RequestId::generate(self.0.clock.0.now(), &mut OsRng)
    }

    pub fn config(&self) -> &Config {
        &self.0.config
    }

    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    fn throttles(&self) -> &Throttles {
        &self.0.throttles
    }

    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Since when somebody could be heard.
    fn listening_since(&self) -> Timestamp {
        self.0.listening_since
    }

    pub fn scim_door(&self) -> &ScimDoor {
        &self.0.scim_door
    }

    fn heard(&self) -> &Heard {
        &self.0.heard
    }

    pub fn turned_away(&self) -> &TurnedAway {
        &self.0.turned_away
    }

    pub fn tally(&self) -> &provisioning::Tally {
        &self.0.tally
    }

    fn failures(&self) -> &provisioning::Failures {
        &self.0.failures
    }

    pub(crate) fn naming(&self) -> &Arc<Naming> {
        &self.0.naming
    }

    fn warned(&self) -> &upn_link::Warned {
        &self.0.warned
    }

    fn issued(&self) -> &Issued {
        &self.0.issued
    }

    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }
}
