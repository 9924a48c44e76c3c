//! The issuer's side of Sallyport: what a Microsoft Entra ID token proves, and how a person gets one.
//!
//! For the server: [`verify`] is pure (token, keys, expectation, time), [`Issuer`] keeps the keys fresh around it.
//! For the command line: [`Login`] discovers the issuer, then signs in by [`BrowserLogin`], by [`DeviceLogin`] or
//! with a refresh token. Any OpenID Provider that states `oid` and `tid` will do; Entra's habits are known here.

mod claims;
mod http;
mod issuer;
mod keys;
mod login;
#[cfg(test)]
mod loopback;
#[cfg(test)]
mod minting;
mod provider;
mod token_error;
mod verify;

pub use http::{HttpClient, HttpError};
pub use issuer::{Issuer, VerifyError};
pub use keys::KeySet;
pub use login::{BrowserLogin, Callback, DeviceLogin, Login, LoginError, ProviderError, Tokens};
pub use provider::{DiscoveryError, acceptable_url};
pub use token_error::{Flaw, TokenError};
pub use verify::{Expect, LARGEST_TOKEN, TOLERANCE, TokenId, Verified, verify};
