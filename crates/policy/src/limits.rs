use std::collections::BTreeSet;

use sallyport_domain::{GroupId, Lifetime};

/// What the site allows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// When nobody asked for a lifetime.
    pub ttl_default: Lifetime,
    pub ttl_max: Lifetime,
    /// After a device login, which can be phished.
    pub device_max: Lifetime,
    /// No renewed certificate outlives the sign-in by more.
    pub renewal_until: Lifetime,
    pub device: DevicePolicy,
    /// Whether the account name is a principal, for hosts that have no agent.
    pub posix_name: bool,
    pub guests: bool,
}

/// Who may log in by device code: such a token is bound to no key.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum DevicePolicy {
    Groups(BTreeSet<GroupId>),
    #[default]
    Off,
    On,
}

impl DevicePolicy {
    pub(crate) fn allows(&self, groups: &BTreeSet<GroupId>) -> bool {
        match self {
            Self::Groups(allowed) => !allowed.is_disjoint(groups),
            Self::Off => false,
            Self::On => true,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ttl_default: hours(16),
            ttl_max: hours(24),
            device_max: hours(4),
            renewal_until: hours(7 * 24),
            device: DevicePolicy::default(),
            posix_name: true,
            guests: false,
        }
    }
}

fn hours(hours: u64) -> Lifetime {
    // None of the constants above is too short or too long; the shortest would only be stricter.
    Lifetime::from_seconds(hours * 3600).unwrap_or(Lifetime::SHORTEST)
}
