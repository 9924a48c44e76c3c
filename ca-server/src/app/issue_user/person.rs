//! Whether the person behind the token may have what they ask for.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use sallyport_domain::{GroupId, Lifetime, ObjectId, TenantId};
use sallyport_entra::Verified;
use sallyport_policy::{Ask, Denial, DevicePolicy, Entitlement, Grant, Limits, Login, Person, decide};
use sallyport_protocol::ProblemCode;
use sallyport_store::{GrantRow, PersonRow, StoreError, WriteTx};

use super::Asked;
use crate::app::change::Change;
use crate::app::{App, AppError, Refusal, people, upn_link};
use crate::config::DeviceLogin;

/// Whose object id the token has, or who is linked to it just now.
pub(super) fn find(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    token: &Verified,
) -> Result<Option<PersonRow>, StoreError> {
    match tx.person_by_subject(token.subject)? {
        Some(person) => people::arrived(tx, change, person).map(Some),
        None => upn_link::person(tx, change, token),
    }
}

pub(super) fn not_provisioned(token: &Verified) -> Refusal {
    let who = token.preferred_username.as_deref().unwrap_or("this account");
    let detail = format!(
        "{who} is not provisioned here yet; an administrator assigns them to the Sallyport application in Entra, \
         which sends its changes every 40 minutes or on demand"
    );
    Refusal::new(ProblemCode::NotProvisioned, detail)
}

/// That the token's person is the one who was asked for.
pub(super) fn check_address(asked: &Asked, person: &PersonRow) -> Result<(), Refusal> {
    match &asked.address {
        Some(address) if !is_address_of(address, asked, person) => {
            let who = &person.user_name;
            let detail = format!(
                "you asked for {address} and signed in as {who}; sign in with the account you asked for"
            );
            Err(Refusal::new(ProblemCode::WrongPerson, detail))
        }
        _ => Ok(()),
    }
}

fn is_address_of(address: &str, asked: &Asked, person: &PersonRow) -> bool {
    let address = address.to_lowercase();
    let same = |known: &str| known.to_lowercase() == address;
    asked.token.preferred_username.as_deref().is_some_and(same)
        || same(&person.user_name)
        || person.emails.iter().any(|email| same(email))
}

/// What policy says of the person, their grants and what they ask.
pub(super) fn entitle(
    tx: &dyn WriteTx,
    app: &App,
    asked: &Asked,
    person: &PersonRow,
    login: Login,
    now: Timestamp,
) -> Result<Entitlement, AppError> {
    let groups = tx.groups_of_person(person.id)?.into_iter().collect();
    let grants: Vec<Grant> = tx.grants_reaching_person(person.id)?.into_iter().map(policy_grant).collect();
    let limits = limits(tx, app, login)?;
    let person = Person {
        user: person.id,
        state: person.state,
        reason: person.reason,
        guest: person.guest || asked.token.guest,
        name: person.posix_name.clone(),
        groups,
        assigned: BTreeSet::new(),
    };
    let ask = Ask { login, ttl: asked.ttl_seconds };
    decide(&person, &grants, &ask, &limits, now).map_err(|denial| refusal(&denial).into())
}

/// The grant as policy knows it.
pub(in crate::app) fn policy_grant(row: GrantRow) -> Grant {
    let GrantRow { id, group, tags, sudo, posix_groups, .. } = row;
    Grant { id, group, tags, sudo, posix_groups, extensions: BTreeSet::new() }
}

fn limits(tx: &dyn WriteTx, app: &App, login: Login) -> Result<Limits, AppError> {
    let config = app.config();
    Ok(Limits {
        ttl_default: lifetime(config.certificates.user_ttl)?,
        ttl_max: lifetime(config.certificates.user_ttl_max)?,
        device: device_policy(tx, app, login)?,
        posix_name: config.principals.posix_name,
        guests: config.login.guests,
        ..Limits::default()
    })
}

fn lifetime(duration: SignedDuration) -> Result<Lifetime, AppError> {
    let seconds = u64::try_from(duration.as_secs()).unwrap_or(0);
    Lifetime::from_seconds(seconds).map_err(|error| AppError::internal("the configured lifetime", error))
}

fn device_policy(tx: &dyn WriteTx, app: &App, login: Login) -> Result<DevicePolicy, StoreError> {
    let config = app.config();
    match config.login.device {
        DeviceLogin::On => Ok(DevicePolicy::On),
        DeviceLogin::Groups if login == Login::Device => {
            let texts = config.login.device_groups.iter();
            let found = texts.map(|text| device_group(tx, config.ca.tenant, text));
            let groups = found.collect::<Result<Vec<_>, _>>()?;
            Ok(DevicePolicy::Groups(groups.into_iter().flatten().collect()))
        }
        // Nobody else is asked about their groups.
        DeviceLogin::Groups | DeviceLogin::Off => Ok(DevicePolicy::Off),
    }
}

/// The group of the CA's own tenant that is meant: by id, by object id, or by a name that only one bears. One that is
/// not there (any more) lets nobody in. Every question is one that an index answers: this runs on the writer.
fn device_group(tx: &dyn WriteTx, tenant: TenantId, text: &str) -> Result<Option<GroupId>, StoreError> {
    if let Ok(id) = text.parse() {
        return Ok(tx.group(tenant, id)?.map(|group| group.id));
    }
    let mut found = tx.groups_by_external_id(tenant, text)?;
    if let Ok(object) = text.parse::<ObjectId>()
        && found.is_empty()
    {
        found = tx.groups_by_external_id(tenant, &object.to_string())?;
    }
    if found.is_empty() {
        found = tx.groups_by_name(tenant, text)?;
        found.retain(|group| group.display_name == text);
    }
    Ok(found.pop().filter(|_| found.is_empty()).map(|group| group.id))
}

fn refusal(denial: &Denial) -> Refusal {
    let code = match denial {
        Denial::Conflict { .. } | Denial::TooManyPrincipals { .. } => ProblemCode::NameConflict,
        Denial::DeviceLoginOff => ProblemCode::DeviceLoginOff,
        Denial::DeviceSession | Denial::SessionEnded { .. } => ProblemCode::SessionEnded,
        Denial::Gone | Denial::OutOfScope => ProblemCode::NotProvisioned,
        Denial::Guest => ProblemCode::GuestRefused,
        Denial::LifetimeTooLong { .. } | Denial::LifetimeTooShort { .. } => ProblemCode::LifetimeOutOfPolicy,
        Denial::NoGrant => ProblemCode::NoGrant,
        Denial::Suspended => ProblemCode::Suspended,
    };
    Refusal::new(code, denial.to_string())
}
