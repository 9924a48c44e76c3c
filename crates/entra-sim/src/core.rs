//! What all handlers share: the address, the clock, and one lock over everything that changes.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use uuid::Uuid;

use crate::clock::SimClock;
use crate::errors::Refusal;
use crate::grants::Grants;
use crate::keys::KeyRing;
use crate::provision::Job;
use crate::tenant::{Tenant, User};

pub(crate) struct Core {
    base: String,
    clock: SimClock,
    state: Mutex<State>,
}

/// All that changes while the simulator runs.
pub(crate) struct State {
    pub(crate) tenant: Tenant,
    pub(crate) keys: KeyRing,
    pub(crate) grants: Grants,
    /// Provisioning jobs by the SCIM address they write to.
    pub(crate) jobs: BTreeMap<String, Job>,
}

/// Whose endpoint the first segment of a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    /// The tenant's own, by id or verified domain.
    Tenant,
    /// `common` and `organizations`.
    AnyTenant,
}

impl Core {
    /// `base` is scheme, host and port, without a slash at the end.
    pub(crate) fn new(base: String, tenant: Tenant, keys: KeyRing) -> Self {
        let state = State { tenant, keys, grants: Grants::default(), jobs: BTreeMap::new() };
        Self { base, clock: SimClock::default(), state: Mutex::new(state) }
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn issuer(&self, tenant: Uuid) -> String {
        format!("{}/{tenant}/v2.0", self.base)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn clock(&self) -> &SimClock {
        &self.clock
    }

    /// No handler leaves the state half changed, so a poisoned lock is still good.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Authority {
    pub(crate) fn of(path: &str, tenant: &Tenant) -> Result<Self, Refusal> {
        let domain = |user: &User| user.upn.rsplit('@').next().unwrap_or_default().to_lowercase();
        let path_lower = path.to_lowercase();
        if path_lower == tenant.tenant.to_string()
            || tenant.users.iter().any(|user| !user.guest && domain(user) == path_lower)
        {
            Ok(Self::Tenant)
        } else if matches!(path_lower.as_str(), "common" | "organizations") {
            Ok(Self::AnyTenant)
        } else {
            Err(Refusal::UnknownTenant(path.to_owned()))
        }
    }

    /// Sign-ins and tokens: the application is registered as single-tenant.
    pub(crate) fn single(path: &str, tenant: &Tenant) -> Result<(), Refusal> {
        match Self::of(path, tenant)? {
            Self::Tenant => Ok(()),
            Self::AnyTenant => Err(Refusal::NotMultiTenant(tenant.client_id)),
        }
    }
}
