use std::collections::BTreeMap;
use std::net::SocketAddr;

use jiff::{SignedDuration, Timestamp};
use sallyport_domain::{ConflictReason, ConnectionName, TenantId};
use sallyport_store::{ConnectionRow, HostRow, ReadTx, ScimTokenRow, StoreError};

use crate::app::credentials::expiry::{Stage, stage};
use crate::app::credentials::{Count, Reason};
use crate::app::groups::{Returned, returned};
use crate::app::provisioning::Outcomes;
use crate::app::silence::is_silent;
use crate::app::{App, AppError};
use crate::config::Tls;
use crate::serve::certificate_end;

/// What is judged by the doctor, by the watch and by the metrics: the store's part is one state of it.
#[derive(Clone, Debug)]
pub(in crate::app) struct Facts {
    pub(in crate::app) now: Timestamp,
    /// Since when this process could have heard anybody.
    pub(in crate::app) listening_since: Timestamp,
    pub(in crate::app) silent_after: SignedDuration,
    pub(in crate::app) connections: Vec<ConnectionRow>,
    /// When this process heard of them last.
    pub(in crate::app) heard: BTreeMap<TenantId, Timestamp>,
    pub(in crate::app) tokens: Vec<ScimTokenRow>,
    pub(in crate::app) hosts: Vec<HostRow>,
    pub(in crate::app) troubled: Vec<Troubled>,
    /// Who was turned away at the door of this process lately.
    pub(in crate::app) turned_away: Vec<(Option<TenantId>, Reason, Count)>,
    /// What came of the operations of the last day, as far as this process saw them.
    pub(in crate::app) outcomes: BTreeMap<TenantId, Outcomes>,
    /// Groups that were deleted and are here again without their grants.
    pub(in crate::app) returned: Vec<Returned>,
    /// The expression in force, where the configuration file has another one.
    pub(in crate::app) other_expression: Option<String>,
    /// Listeners with certificate files, and when those end; `None` where that cannot be read.
    pub(in crate::app) tls: Vec<(SocketAddr, Option<Timestamp>)>,
}

/// How many of a connection's people are not joined with their tokens.
#[derive(Clone, Debug)]
pub(in crate::app) struct Troubled {
    pub(super) connection: ConnectionName,
    pub(super) link_by_upn: bool,
    /// No object id came.
    pub(super) unlinked: usize,
    /// Another object id came than theirs.
    pub(super) flagged: usize,
}

impl Troubled {
    fn read(tx: &dyn ReadTx, connection: &ConnectionRow) -> Result<Self, StoreError> {
        Ok(Self {
            connection: connection.name.clone(),
            link_by_upn: connection.link_by_upn,
            unlinked: tx.count_people(connection.tenant, ConflictReason::NoObjectId)?,
            flagged: tx.count_people(connection.tenant, ConflictReason::Link)?,
        })
    }
}

impl App {
    pub(in crate::app) async fn facts(&self) -> Result<Facts, AppError> {
        let tls = self.certificate_ends().await;
        let (now, listening_since) = (self.now(), self.listening_since());
        let silent_after = self.config().scim.silent_after;
        let turned_away = self.turned_away().recent(now);
        let (heard, outcomes) = (self.heard().last(), self.tally().recent(now));
        let naming = std::sync::Arc::clone(self.naming());
        self.store()
            .read(move |tx| {
                let (connections, tokens, hosts) = (tx.connections()?, tx.scim_tokens()?, tx.hosts()?);
                let troubled: Result<Vec<_>, StoreError> =
                    connections.iter().map(|connection| Troubled::read(tx, connection)).collect();
                let troubled = troubled?;
                let returned = returned(tx, now)?;
                let other_expression = naming.other_in_force(tx)?;
                Ok(Facts {
                    now,
                    listening_since,
                    silent_after,
                    connections,
                    heard,
                    tokens,
                    hosts,
                    troubled,
                    turned_away,
                    outcomes,
                    returned,
                    other_expression,
                    tls,
                })
            })
            .await
    }

    async fn certificate_ends(&self) -> Vec<(SocketAddr, Option<Timestamp>)> {
        let mut ends = Vec::new();
        for listen in &self.config().listen {
            if let Tls::Files { certificate, .. } = &listen.tls {
                let pem = tokio::fs::read(certificate).await.unwrap_or_default();
                ends.push((listen.address, certificate_end(&pem)));
            }
        }
        ends
    }
}

impl Facts {
    /// Connections that used to speak and do not.
    pub(in crate::app) fn silent(&self) -> impl Iterator<Item = &ConnectionRow> {
        self.connections.iter().filter(|connection| {
            // What the row says may be old: there was no room to write it.
            let last = connection.last_request_at.max(self.heard.get(&connection.tenant).copied());
            is_silent(last, self.listening_since, self.silent_after, self.now)
        })
    }

    /// Credentials that are not revoked, and how near each one's end is.
    pub(in crate::app) fn stages(&self) -> impl Iterator<Item = (&ScimTokenRow, Stage)> {
        let standing = self.tokens.iter().filter(|token| token.revoked_at.is_none());
        standing.map(|token| (token, stage(token.created_at, token.expires_at, self.now)))
    }

    /// What came of each connection's operations of the last day.
    pub(in crate::app) fn operations(&self) -> impl Iterator<Item = (&ConnectionName, Outcomes)> {
        let of = |row: &ConnectionRow| self.outcomes.get(&row.tenant).copied().unwrap_or_default();
        self.connections.iter().map(move |row| (&row.name, of(row)))
    }

    pub(in crate::app) fn name_of(&self, tenant: TenantId) -> Option<&ConnectionName> {
        self.connections.iter().find(|row| row.tenant == tenant).map(|row| &row.name)
    }
}
