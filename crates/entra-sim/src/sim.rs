//! The simulator in a process: start it on a listener, keep the handle to change it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::core::Core;
use crate::errors::random_uuid;
use crate::keys::{KeyError, KeyRing, SigningKey};
use crate::mint::{self, MintError, MintRequest};
use crate::serve;
use crate::tenant::{Tenant, TenantError};
use crate::tls::SelfSigned;

/// How the simulator presents itself.
#[derive(Debug, Default)]
pub struct Options {
    /// The host in the issuer and all addresses; the listener's IP address when absent.
    pub public_host: Option<String>,
    /// HTTPS with a certificate made for the purpose; plain HTTP when absent.
    pub tls: Option<SelfSigned>,
}

/// A running simulator. Clones are handles to the same one; it stops when the last is dropped.
#[derive(Clone)]
pub struct Sim {
    core: Arc<Core>,
    server: Arc<Server>,
}

struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// The simulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the listener has no address")]
    Listener(#[source] io::Error),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Tenant(#[from] TenantError),
}

impl Sim {
    /// Makes a signing key and begins to answer on `listener`. Needs a running tokio runtime.
    ///
    /// # Errors
    /// When the tenant contradicts itself or no key can be made.
    pub fn start(tenant: Tenant, listener: TcpListener, options: Options) -> Result<Self, StartError> {
        tenant.check()?;
        let address = listener.local_addr().map_err(StartError::Listener)?;
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        let host = options.public_host.unwrap_or_else(|| host_of(address.ip()));
        let base = format!("{scheme}://{host}:{}", address.port());
        let core = Arc::new(Core::new(base, tenant, KeyRing::new(SigningKey::generate()?)));
        let acceptor = options.tls.map(SelfSigned::acceptor);
        let task = tokio::spawn(serve::serve(listener, acceptor, Arc::clone(&core)));
        Ok(Self { core, server: Arc::new(Server { address, task }) })
    }

    /// The issuer of its ID tokens: `{base}/{tenant}/v2.0`.
    #[must_use]
    pub fn issuer(&self) -> String {
        let tenant = self.core.state().tenant.tenant;
        self.core.issuer(tenant)
    }

    /// Scheme, host and port, without a slash at the end.
    #[must_use]
    pub fn base(&self) -> &str {
        self.core.base()
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// A copy of the tenant as it is now.
    #[must_use]
    pub fn tenant(&self) -> Tenant {
        self.core.state().tenant.clone()
    }

    /// Changes the tenant: all of `change` or, if it fails or the result contradicts itself, nothing.
    ///
    /// # Errors
    /// What `change` or the check of the result refuses.
    pub fn edit<T>(
        &self,
        change: impl FnOnce(&mut Tenant) -> Result<T, TenantError>,
    ) -> Result<T, TenantError> {
        edit(&self.core, change)
    }

    /// Enables or disables (`accountEnabled`) a user.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn set_enabled(&self, who: &str, enabled: bool) -> Result<(), TenantError> {
        self.edit(|tenant| {
            tenant.user_mut(who)?.enabled = enabled;
            Ok(())
        })
    }

    /// Makes all refresh tokens and browser sessions of a user worthless.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn revoke_sessions(&self, who: &str) -> Result<(), TenantError> {
        let now = self.core.now();
        self.edit(|tenant| {
            tenant.user_mut(who)?.sessions_valid_from = Some(now);
            Ok(())
        })
    }

    /// A token made to order, properly signed or not. See [`MintRequest`].
    ///
    /// # Errors
    /// When the user to start from does not exist.
    pub fn mint(&self, request: &MintRequest) -> Result<String, MintError> {
        mint::mint(&self.core, request)
    }

    /// Signs with a new key from now on, and publishes the earlier ones further or no more. Gives the new `kid`.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn rotate_keys(&self, keep_old: bool) -> Result<String, KeyError> {
        let next = SigningKey::generate()?;
        let kid = next.kid().to_owned();
        self.core.state().keys.rotate(next, keep_old);
        Ok(kid)
    }

    /// Lets the simulator's clock run this many seconds ahead of (or behind) the machine's.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.core.clock().set_offset(seconds);
    }

    /// A fresh object id.
    #[must_use]
    pub fn new_oid() -> uuid::Uuid {
        random_uuid()
    }
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim").field("base", &self.base()).finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn edit<T>(
    core: &Core,
    change: impl FnOnce(&mut Tenant) -> Result<T, TenantError>,
) -> Result<T, TenantError> {
    let mut state = core.state();
    let mut next = state.tenant.clone();
    let value = change(&mut next)?;
    next.check()?;
    state.tenant = next;
    Ok(value)
}

/// An address that listens everywhere has no name of its own.
fn host_of(ip: IpAddr) -> String {
    match ip {
        ip if ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}
