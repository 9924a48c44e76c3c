//! Connections: the tenants whose directories write here, each with a namespace of ids of its own.

use jiff::Timestamp;
use sallyport_audit::{Event, EventName};
use sallyport_domain::{ConnectionName, RequestId, TenantId};
use sallyport_protocol::ProblemCode;
use sallyport_protocol::admin::{AddConnection, ConnectionView, SetConnection};
use sallyport_store::{ConnectionRow, ReadTx, StoreError, WriteTx};

use super::{App, AppError, scope};

/// What the connection of the CA's own tenant is called, unless another one has the name.
const DEFAULT: &str = "entra";

/// The connection of the CA's own tenant; made when it is not there.
pub fn ensure_default(tx: &mut dyn WriteTx, tenant: TenantId, now: Timestamp) -> Result<(), AppError> {
    if tx.connection_of(tenant)?.is_some() {
        return Ok(());
    }
    let first: String = tenant.to_string().chars().take(8).collect();
    for name in [DEFAULT.to_owned(), format!("{DEFAULT}-{first}"), format!("{DEFAULT}-{tenant}")] {
        let Ok(name) = name.parse::<ConnectionName>() else { continue };
        if tx.connection(&name)?.is_none() {
            let row = new(name, tenant, now);
            tx.put_connection(&row)?;
            tx.append(&added(Event::new(EventName::ConnectionAdded, now), &row))?;
            return Ok(());
        }
    }
    Err(AppError::internal("the default connection", "every name for it is another tenant's"))
}

impl App {
    /// Before anything is served: the CA's own tenant has a connection, and the door knows what is worth a look.
    pub async fn prepare(&self) -> Result<(), AppError> {
        let (tenant, now) = (self.config().ca.tenant, self.now());
        let tokens = self
            .store()
            .write(move |tx| {
                ensure_default(tx, tenant, now)?;
                Ok::<_, AppError>(tx.scim_tokens()?)
            })
            .await?;
        for token in tokens.into_iter().filter(|token| token.revoked_at.is_none()) {
            self.scim_door().passed(token.hash);
        }
        Ok(())
    }

    pub async fn add_connection(
        &self,
        request: RequestId,
        ask: AddConnection,
    ) -> Result<ConnectionView, AppError> {
        let own = self.config().ca.tenant;
        self.change(request, self.now(), move |tx, change| {
            if let Some(other) = tx.connection_of(ask.tenant)? {
                let detail = format!("tenant {} has a connection: {}", ask.tenant, other.name);
                return Err(AppError::refused(ProblemCode::Conflict, detail));
            }
            if tx.connection(&ask.name)?.is_some() {
                let detail = format!("there is a connection {} already; name this one otherwise", ask.name);
                return Err(AppError::refused(ProblemCode::Conflict, detail));
            }
            let row = new(ask.name, ask.tenant, change.now);
            tx.put_connection(&row)?;
            tx.append(&added(change.event(EventName::ConnectionAdded), &row))?;
            Ok(view(tx, row, own)?)
        })
        .await
    }

    pub async fn view_connections(&self) -> Result<Vec<ConnectionView>, AppError> {
        let own = self.config().ca.tenant;
        self.store()
            .read(move |tx| {
                let views: Result<Vec<_>, StoreError> =
                    tx.connections()?.into_iter().map(|row| view(tx, row, own)).collect();
                Ok(views?)
            })
            .await
    }

    pub async fn set_connection(
        &self,
        request: RequestId,
        name: ConnectionName,
        ask: SetConnection,
    ) -> Result<ConnectionView, AppError> {
        let own = self.config().ca.tenant;
        let rescoped = ask.scope.is_some();
        let set = self.change(request, self.now(), move |tx, change| {
            let before = named(tx, &name)?;
            let after = changed(tx, &before, ask)?;
            if after.scope != before.scope {
                scope::moved(tx, change)?;
            }
            if after != before {
                tx.put_connection(&after)?;
                let event = change.event(EventName::ConnectionChanged).with("connection", name.as_str());
                let event = event.with("link_by_upn", after.link_by_upn);
                let event = event.with("networks", texts(&after.networks));
                tx.append(&event.with("scope", after.scope.clone()))?;
            }
            Ok::<_, AppError>(view(tx, after, own)?)
        });
        let set = set.await?;
        if rescoped {
            self.settle_scopes().await?;
        }
        Ok(set)
    }

    /// Ends its credentials with it. Refused while it has users or groups: somebody's access may hang on them.
    pub async fn remove_connection(&self, request: RequestId, name: ConnectionName) -> Result<(), AppError> {
        let own = self.config().ca.tenant;
        self.change(request, self.now(), move |tx, change| {
            let row = named(tx, &name)?;
            if row.tenant == own {
                let detail = format!("{name} is the connection of this CA's own tenant and stays");
                return Err(AppError::refused(ProblemCode::Conflict, detail));
            }
            refuse_while_used(tx, &row)?;
            for mut token in tx.scim_tokens()?.into_iter().filter(|token| token.tenant == row.tenant) {
                if token.revoked_at.is_none() {
                    token.revoked_at = Some(change.now);
                    tx.put_scim_token(&token)?;
                    let event = change.event(EventName::ScimTokenRevoked);
                    tx.append(&event.with("token", token.id.to_string()))?;
                }
            }
            tx.remove_connection(&name)?;
            let event = change.event(EventName::ConnectionRemoved).with("connection", name.as_str());
            tx.append(&event.with("tenant", row.tenant.to_string()))?;
            Ok(())
        })
        .await
    }
}

/// The connection of that name; the refusal names the command that lists them.
pub(super) fn named(tx: &(impl ReadTx + ?Sized), name: &ConnectionName) -> Result<ConnectionRow, AppError> {
    tx.connection(name)?.ok_or_else(|| {
        let detail = format!("there is no connection {name}; run: sallyport-ca connection list");
        AppError::refused(ProblemCode::NotFound, detail)
    })
}

fn changed(tx: &dyn WriteTx, before: &ConnectionRow, ask: SetConnection) -> Result<ConnectionRow, AppError> {
    let scope = match ask.scope {
        Some(groups) => scope::resolve(tx, before.tenant, &groups)?,
        None => before.scope.clone(),
    };
    let rescoped = u32::from(scope != before.scope);
    Ok(ConnectionRow {
        link_by_upn: ask.link_by_upn.unwrap_or(before.link_by_upn),
        networks: ask.networks.unwrap_or_else(|| before.networks.clone()),
        scope,
        unsettled: before.unsettled.saturating_add(rescoped),
        ..before.clone()
    })
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(T::to_string).collect()
}

fn refuse_while_used(tx: &dyn WriteTx, row: &ConnectionRow) -> Result<(), AppError> {
    let users = tx.resources(row.tenant, 0, 1)?.total;
    let groups = tx.groups(row.tenant, 0, 1)?.total;
    if users + groups == 0 {
        return Ok(());
    }
    let detail = format!(
        "{} has {users} users and {groups} groups: unassign everybody in that tenant, let Entra delete them, then \
         remove it. To stop it at once: sallyport-ca scim-token revoke",
        row.name
    );
    Err(AppError::refused(ProblemCode::Conflict, detail))
}

fn new(name: ConnectionName, tenant: TenantId, now: Timestamp) -> ConnectionRow {
    ConnectionRow {
        name,
        tenant,
        networks: Vec::new(),
        scope: Vec::new(),
        link_by_upn: false,
        unsettled: 0,
        created_at: now,
        last_request_at: None,
    }
}

fn added(event: Event, row: &ConnectionRow) -> Event {
    event.with("connection", row.name.as_str()).with("tenant", row.tenant.to_string())
}

fn view(
    tx: &(impl ReadTx + ?Sized),
    row: ConnectionRow,
    own: TenantId,
) -> Result<ConnectionView, StoreError> {
    Ok(ConnectionView {
        users: tx.resources(row.tenant, 0, 1)?.total,
        groups: tx.groups(row.tenant, 0, 1)?.total,
        default: row.tenant == own,
        name: row.name,
        tenant: row.tenant,
        link_by_upn: row.link_by_upn,
        networks: row.networks,
        scope: row.scope,
        created_at: row.created_at,
        last_request_at: row.last_request_at,
    })
}
