use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use sallyport_domain::{
    ConflictReason, Extension, GroupId, Lifetime, LifetimeError, PosixName, Principal, Principals, UserId,
    UserState,
};

use crate::{Denial, Grant, Limits};

/// A person as far as a decision needs them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Person {
    pub user: UserId,
    pub state: UserState,
    /// Set when the state is [`UserState::Conflict`].
    pub reason: Option<ConflictReason>,
    /// By the token or by the directory.
    pub guest: bool,
    /// `None` as long as no name is pinned.
    pub name: Option<PosixName>,
    pub groups: BTreeSet<GroupId>,
    /// What administrators assigned to the groups.
    pub assigned: BTreeSet<Principal>,
}

/// How the person proved who they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Login {
    Browser,
    Device,
    Renewal {
        /// When the session began, with a human.
        signed_in_at: Timestamp,
        /// Whether it began with a device code.
        by_device: bool,
    },
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ask {
    pub login: Login,
    /// Seconds, when the person named a lifetime.
    pub ttl: Option<u64>,
}

/// What a certificate may say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entitlement {
    pub lifetime: Lifetime,
    /// `now` and the lifetime; never later than the session's end.
    pub valid_before: Timestamp,
    pub principals: Principals,
    pub extensions: BTreeSet<Extension>,
}

/// Decides whether `person` gets a certificate, and what it may say.
///
/// `grants` may hold more than the person's own. A lifetime that was asked for is granted or refused, never shortened;
/// only the default gives way to a ceiling.
///
/// # Errors
/// [`Denial`] with the first thing that stands against it.
pub fn decide(
    person: &Person,
    grants: &[Grant],
    ask: &Ask,
    limits: &Limits,
    now: Timestamp,
) -> Result<Entitlement, Denial> {
    check_state(person)?;
    if person.guest && !limits.guests {
        return Err(Denial::Guest);
    }
    check_login(person, ask.login, limits)?;
    let is_own = |grant: &&Grant| grant.names_hosts() && person.groups.contains(&grant.group);
    let mut own = grants.iter().filter(is_own).peekable();
    if own.peek().is_none() {
        return Err(Denial::NoGrant);
    }
    let extensions =
        own.flat_map(|grant| grant.extensions.iter().copied()).chain(Extension::DEFAULT).collect();
    let lifetime = lifetime(ask, limits, now)?;
    Ok(Entitlement {
        lifetime,
        valid_before: later(now, lifetime).unwrap_or(now),
        principals: principals(person, limits)?,
        extensions,
    })
}

fn check_state(person: &Person) -> Result<(), Denial> {
    match person.state {
        UserState::Active => {}
        UserState::Conflict => return Err(Denial::Conflict { reason: person.reason }),
        UserState::Gone => return Err(Denial::Gone),
        UserState::Suspended if person.reason == Some(ConflictReason::OutOfScope) => {
            return Err(Denial::OutOfScope);
        }
        UserState::Suspended => return Err(Denial::Suspended),
    }
    // Whatever pinned it: a host without our agent would let the certificate into that account.
    if person.name.as_ref().is_some_and(PosixName::is_reserved) {
        return Err(Denial::Conflict { reason: Some(ConflictReason::NameReserved) });
    }
    Ok(())
}

fn check_login(person: &Person, login: Login, limits: &Limits) -> Result<(), Denial> {
    match login {
        Login::Device if !limits.device.allows(&person.groups) => Err(Denial::DeviceLoginOff),
        Login::Renewal { by_device: true, .. } => Err(Denial::DeviceSession),
        Login::Browser | Login::Device | Login::Renewal { .. } => Ok(()),
    }
}

fn lifetime(ask: &Ask, limits: &Limits, now: Timestamp) -> Result<Lifetime, Denial> {
    let longest = match ask.login {
        Login::Browser => limits.ttl_max,
        Login::Device => limits.ttl_max.min(limits.device_max),
        Login::Renewal { signed_in_at, .. } => {
            limits.ttl_max.min(rest_of_session(signed_in_at, limits, now)?)
        }
    };
    let Some(asked) = ask.ttl else {
        return Ok(limits.ttl_default.min(longest));
    };
    match Lifetime::from_seconds(asked) {
        Ok(lifetime) if lifetime <= longest => Ok(lifetime),
        Ok(_) | Err(LifetimeError::TooLong) => Err(Denial::LifetimeTooLong { asked, longest }),
        Err(LifetimeError::TooShort) => Err(Denial::LifetimeTooShort { asked }),
    }
}

/// Rounded down to seconds. Too short for a certificate is over.
fn rest_of_session(signed_in_at: Timestamp, limits: &Limits, now: Timestamp) -> Result<Lifetime, Denial> {
    // A sign-in in the future is a clock that is ahead; it does not make the session longer.
    let end = later(signed_in_at.min(now), limits.renewal_until).unwrap_or(now);
    let seconds = u64::try_from(end.duration_since(now).as_secs()).unwrap_or(0);
    Lifetime::from_seconds(seconds).map_err(|_| Denial::SessionEnded { at: end })
}

/// `None` beyond the year 9999.
fn later(from: Timestamp, lifetime: Lifetime) -> Option<Timestamp> {
    from.checked_add(SignedDuration::from_secs(i64::from(lifetime.seconds()))).ok()
}

fn principals(person: &Person, limits: &Limits) -> Result<Principals, Denial> {
    let name = person.name.as_ref().filter(|_| limits.posix_name).map(Principal::from);
    let assigned = person.assigned.iter().filter(|principal| may_be_assigned(principal)).cloned();
    let set: BTreeSet<Principal> = assigned.chain(name).chain([person.user.into()]).collect();
    let found = set.len();
    Principals::new(set).ok_or(Denial::TooManyPrincipals { found })
}

/// No assignment makes one person another, or anybody root.
fn may_be_assigned(principal: &Principal) -> bool {
    !principal.as_str().starts_with("u:") && principal.as_str() != "root"
}
