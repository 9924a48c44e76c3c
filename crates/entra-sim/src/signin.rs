//! Who may sign in, and what a sign-in still counts for later.

use jiff::Timestamp;
use uuid::Uuid;

use crate::claims::SignIn;
use crate::errors::Refusal;
use crate::tenant::{Tenant, User};

/// A name (UPN, address at home, mail; letter case does not matter) and a password.
pub(crate) fn authenticate(tenant: &Tenant, name: &str, password: &str) -> Result<Uuid, Refusal> {
    let name = name.trim().to_lowercase();
    let is = |user: &&User| {
        !user.deleted
            && [&user.upn, &user.sign_in_name(), &user.mail()]
                .iter()
                .any(|known| known.to_lowercase() == name)
    };
    let user = tenant.users.iter().find(is).ok_or(Refusal::UserUnknown)?;
    if !user.password.matches(password) {
        return Err(Refusal::BadPassword);
    }
    if user.enabled { Ok(user.oid) } else { Err(Refusal::UserDisabled) }
}

/// The person behind an earlier sign-in, if they may still have tokens.
pub(crate) fn standing<'a>(tenant: &'a Tenant, sign_in: &SignIn) -> Result<&'a User, Refusal> {
    let user = tenant.user_by_oid(sign_in.oid).filter(|user| !user.deleted).ok_or(Refusal::UserDeleted)?;
    let revoked = |since: Timestamp| sign_in.at < since;
    if !user.enabled {
        Err(Refusal::UserDisabled)
    } else if user.sessions_valid_from.is_some_and(revoked) {
        Err(Refusal::RefreshRevoked)
    } else {
        Ok(user)
    }
}
