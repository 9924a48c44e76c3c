//! Who writes: the way from what a request shows to the tenant whose directory it is.

use std::fmt;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use sallyport_domain::{ConnectionName, ScimTokenId, TenantId};
use sallyport_store::{ConnectionRow, CredentialKind, ReadTx, ScimTokenRow, StoreError};

use super::access::ACCESS_PREFIX;
use super::hash;
use crate::app::{App, AppError};
use crate::log::Chain;

/// How coarsely a use is kept: a write a request would be a waste.
const USE_STEP: SignedDuration = SignedDuration::from_mins(5);

/// Whose directory a SCIM request writes.
#[derive(Clone, Copy, Debug)]
pub struct ScimConnection {
    pub tenant: TenantId,
}

/// What a request shows to prove that it may write. Does not print.
pub enum Presented {
    Basic { user: String, password: String },
    Bearer(String),
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Basic",
            Self::Bearer(_) => "Bearer",
        })
    }
}

/// Why a request may not write. For the log; the client hears the same sentence for all that say anything about a
/// credential.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turned {
    Expired,
    /// It was made by somebody else: Entra shows one of its own where its page has none of ours.
    ForeignToken,
    /// The credential is good, and the request comes from outside of the connection's networks.
    Network,
    /// Nothing was shown, or nothing that could be read.
    Nothing,
    Revoked,
    /// So often wrong from this address that nothing is looked up for it any more.
    TooMany {
        seconds: u64,
    },
    Unknown,
}

impl Turned {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "the credential has expired",
            Self::ForeignToken => "the token is one of Entra's own",
            Self::Network => "it comes from outside of the connection's networks",
            Self::Nothing => "no credential",
            Self::Revoked => "the credential was revoked",
            Self::TooMany { .. } => "too many wrong credentials from this address",
            Self::Unknown => "the credential is unknown",
        }
    }
}

/// A credential and what it belongs to, as the store has them.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) credential: ScimTokenRow,
    pub(super) connection: ConnectionRow,
    /// Of what was shown, where that ends before the credential does.
    pub(super) ends: Option<Timestamp>,
}

impl App {
    /// Whose directory may be written with what was shown, and what administrators call it. `from`: the client's
    /// address, where it is known.
    pub async fn admit(
        &self,
        shown: Option<&Presented>,
        from: Option<IpAddr>,
    ) -> Result<Result<(ScimConnection, ConnectionName), Turned>, AppError> {
        let admitted = match shown {
            Some(Presented::Basic { user, password }) => {
                self.admit_as(CredentialKind::Basic, Some(user), password, from).await?
            }
            Some(Presented::Bearer(token)) => {
                self.admit_as(CredentialKind::Bearer, None, token, from).await?
            }
            None => Err(self.turn_away(None, Turned::Nothing, from)),
        };
        let Known { credential, connection, .. } = match admitted {
            Ok(known) => known,
            Err(turned) => return Ok(Err(turned)),
        };
        let now = self.now();
        self.heard().note(connection.tenant, now);
        // Fine enough for the silence that is looked for.
        let step = USE_STEP.min(self.config().scim.silent_after / 4);
        let is_due =
            is_due(credential.last_used_at, now, step) || is_due(connection.last_request_at, now, step);
        if is_due && self.heard().may_write(now) {
            self.note_use(credential.id, now).await;
        }
        Ok(Ok((ScimConnection { tenant: connection.tenant }, connection.name)))
    }

    /// `user`: what must be the credential's id, where the kind shows one.
    pub(super) async fn admit_as(
        &self,
        kind: CredentialKind,
        user: Option<&str>,
        secret: &str,
        from: Option<IpAddr>,
    ) -> Result<Result<Known, Turned>, AppError> {
        let (now, hash) = (self.now(), hash(secret));
        if let Err(seconds) = self.scim_door().look(from, &hash, now) {
            return Ok(Err(self.turn_away(None, Turned::TooMany { seconds }, from)));
        }
        let is_access = kind == CredentialKind::Bearer && secret.starts_with(ACCESS_PREFIX);
        let found = self
            .store()
            .read(move |tx| {
                let credential = if is_access {
                    by_access_token(tx, &hash)?
                } else {
                    tx.scim_token(&hash)?.filter(|row| row.kind == kind).map(|row| (row, None))
                };
                with_connection(tx, credential).map_err(AppError::from)
            })
            .await?;
        let found = found.filter(|known| user.is_none_or(|user| known.credential.id.to_string() == user));
        let tenant = found.as_ref().map(|known| known.connection.tenant);
        let judged = found.ok_or_else(|| unknown(secret)).and_then(|known| judge(known, from, now));
        match &judged {
            Ok(_) => self.scim_door().passed(hash),
            // A good credential from the wrong place is no guess.
            Err(Turned::Network) => {}
            Err(_) => self.scim_door().wrong(from, now),
        }
        Ok(judged.map_err(|turned| self.turn_away(tenant, turned, from)))
    }

    /// Counts somebody who is turned away; `tenant`: whose credential it was, where it was one.
    pub(super) fn turn_away(&self, tenant: Option<TenantId>, turned: Turned, from: Option<IpAddr>) -> Turned {
        self.turned_away().note(tenant, turned.into(), from, self.now());
        turned
    }

    /// A note for administrators that the database has no room for, or the queue, turns nobody away who may read; the
    /// next request makes it.
    async fn note_use(&self, id: ScimTokenId, now: Timestamp) {
        if let Err(error) = self.write_use(id, now).await
            && self.heard().failed(now)
        {
            tracing::warn!(error = %Chain(&error), "uses of credentials cannot be noted; it is tried again");
        }
    }

    /// What the rows say then, not what was read: they may have been changed meanwhile, and a use undoes nothing.
    async fn write_use(&self, id: ScimTokenId, now: Timestamp) -> Result<(), AppError> {
        self.store()
            .write(move |tx| {
                let Some(row) = tx.scim_token_by_id(id)? else { return Ok(()) };
                if let Some(connection) = tx.connection_of(row.tenant)? {
                    tx.put_connection(&ConnectionRow { last_request_at: Some(now), ..connection })?;
                }
                Ok(tx.put_scim_token(&ScimTokenRow { last_used_at: Some(now), ..row })?)
            })
            .await
    }
}

type WithEnd = (ScimTokenRow, Option<Timestamp>);

fn by_access_token(
    tx: &dyn ReadTx,
    hash: &sallyport_store::SecretHash,
) -> Result<Option<WithEnd>, StoreError> {
    let Some(access) = tx.access_token(hash)? else { return Ok(None) };
    Ok(tx.scim_token_by_id(access.credential)?.map(|row| (row, Some(access.expires_at))))
}

fn with_connection(tx: &dyn ReadTx, found: Option<WithEnd>) -> Result<Option<Known>, StoreError> {
    let Some((credential, ends)) = found else { return Ok(None) };
    let connection = tx.connection_of(credential.tenant)?;
    Ok(connection.map(|connection| Known { credential, connection, ends }))
}

/// A token that is not ours. Entra's own are JSON Web Tokens (RFC 7519), which begin with the braces of their header.
fn unknown(secret: &str) -> Turned {
    if secret.starts_with("eyJ") { Turned::ForeignToken } else { Turned::Unknown }
}

/// What a credential that exists is worth now, and there.
fn judge(known: Known, from: Option<IpAddr>, now: Timestamp) -> Result<Known, Turned> {
    if known.credential.revoked_at.is_some() {
        return Err(Turned::Revoked);
    }
    if known.credential.expires_at <= now || known.ends.is_some_and(|ends| ends <= now) {
        return Err(Turned::Expired);
    }
    let networks = &known.connection.networks;
    let inside = |address: IpAddr| networks.iter().any(|network| network.contains(&address.to_canonical()));
    if !networks.is_empty() && !from.is_some_and(inside) {
        return Err(Turned::Network);
    }
    Ok(known)
}

fn is_due(last: Option<Timestamp>, now: Timestamp, step: SignedDuration) -> bool {
    last.is_none_or(|last| now.duration_since(last) >= step)
}

#[cfg(test)]
mod tests {
    use sallyport_protocol::admin::{self, CreateScimToken};
    use sallyport_store::conformance::samples::{after, connection, now, scim_token};

    use super::*;
    use crate::app::testing::{TENANT, app};

    fn known(networks: &[&str]) -> Known {
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        let connection = ConnectionRow { networks, ..connection(1) };
        Known { credential: scim_token(1), connection, ends: None }
    }

    #[test]
    fn a_credential_ends_with_its_time_and_its_revocation() {
        let at = |seconds| judge(known(&[]), None, after(seconds)).map(drop);
        assert_eq!(at(3_599), Ok(()));
        assert_eq!(at(3_600), Err(Turned::Expired));
        let short = Known { ends: Some(after(10)), ..known(&[]) };
        assert_eq!(judge(short, None, after(10)).map(drop), Err(Turned::Expired));
        let revoked = ScimTokenRow { revoked_at: Some(now()), ..scim_token(1) };
        let revoked = Known { credential: revoked, ..known(&[]) };
        assert_eq!(judge(revoked, None, now()).map(drop), Err(Turned::Revoked));
    }

    #[test]
    fn networks_are_meant_in_every_spelling_of_an_address() {
        let networks = ["192.0.2.0/24", "2001:db8::/32"];
        let from = |text: &str| judge(known(&networks), Some(text.parse().unwrap()), now()).map(drop);
        for inside in ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8:1::7"] {
            assert_eq!(from(inside), Ok(()), "{inside}");
        }
        for outside in ["192.0.3.7", "::ffff:192.0.3.7", "2001:db9::7", "127.0.0.1"] {
            assert_eq!(from(outside), Err(Turned::Network), "{outside}");
        }
        assert_eq!(judge(known(&networks), None, now()).map(drop), Err(Turned::Network), "from nowhere");
        assert_eq!(judge(known(&[]), None, now()).map(drop), Ok(()), "from anywhere");
    }

    #[tokio::test]
    async fn whoever_is_admitted_is_heard_of() {
        let folder = tempfile::tempdir().unwrap();
        let app = app(folder.path());
        app.prepare().await.unwrap();
        let ask = CreateScimToken {
            name: "entra".to_owned(),
            ttl_seconds: 3_600,
            connection: None,
            kind: admin::CredentialKind::Bearer,
        };
        let made = app.create_scim_token(app.new_request_id(), ask).await.unwrap();
        let wrong = app.admit(Some(&Presented::Bearer("sps_wrong".to_owned())), None).await.unwrap();
        assert!(wrong.is_err() && app.heard().last().is_empty());
        app.admit(Some(&Presented::Bearer(made.token)), None).await.unwrap().unwrap();
        let heard: Vec<_> = app.heard().last().into_keys().collect();
        assert_eq!(heard, [TENANT.parse().unwrap()]);
    }

    #[test]
    fn what_is_shown_does_not_print() {
        let shown = [
            Presented::Bearer("sps_canary".to_owned()),
            Presented::Basic { user: "canary".to_owned(), password: "spp_canary".to_owned() },
        ];
        assert!(!format!("{shown:?}").contains("canary"));
    }
}
