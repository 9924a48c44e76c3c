//! An Entra tenant look-alike for development, demonstration and tests: the OpenID Connect endpoints with
//! Entra's shapes, and the provisioning service that writes users and groups to a SCIM server.
//!
//! It shares no code with the programs it tests, so that it cannot agree with them by accident.
//! Nothing here is a security boundary: passwords are plain text, and whoever shares its machine rules it.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use sallyport_entra_sim::{MintRequest, Options, Sim, Tenant};
//!
//! let tenant = Tenant::from_toml(&std::fs::read_to_string("tenant.toml")?)?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let sim = Sim::start(tenant, listener, Options::default())?;
//! println!("issuer: {}", sim.issuer());
//! sim.set_enabled("mara.lind@contoso.test", false)?;
//! let forged = sim.mint(&MintRequest { user: Some("mara.lind@contoso.test".into()), age: 3600, ..Default::default() })?;
//! # Ok(())
//! # }
//! ```

mod authorize;
mod claims;
mod clock;
mod control;
mod control_client;
mod core;
mod device;
mod discovery;
mod errors;
mod grants;
mod jwt;
mod keys;
mod mint;
mod pages;
mod params;
mod pkce;
pub mod provision;
mod redirect;
mod scope;
mod serve;
mod signin;
mod sim;
mod tenant;
mod tls;
mod token;
mod trust;

pub use control_client::{ControlClient, ControlError};
pub use keys::KeyError;
pub use mint::{MintError, MintKey, MintRequest};
pub use sim::{Options, Sim, StartError};
pub use tenant::{App, Group, OPTIONAL_CLAIMS, Password, Tenant, TenantError, User};
pub use tls::{SelfSigned, TlsError};
pub use trust::{TrustError, http_client};
