//! SCIM 2.0 (RFC 7643, RFC 7644) as data and functions: resources kept as the client wrote them, the
//! filter language, PATCH as `(resource, operations) -> resource`, and the messages around them.
//!
//! Nothing here reads a socket, a clock or a store. A request travels
//! bytes → [`json::parse_object`] → [`parse_user`] / [`parse_group`] / [`parse_patch`] → [`apply`] →
//! [`render_user`] / [`render_group`] → [`Projection::apply`].
//!
//! Members of a group are never part of its document: they are rows in the store, and PATCH reports what
//! happens to them as [`MemberChange`]s.

mod candidates;
pub mod discovery;
mod error;
pub mod filter;
pub mod json;
pub mod limits;
mod matching;
mod message;
mod normal;
mod parse;
mod patch;
pub mod path;
mod project;
mod render;
mod resource;
mod schema;
mod search;
mod versions;

pub use error::ScimError;
pub use filter::{Filter, Lookup};
pub use message::{Page, error_body, list_response};
pub use patch::{MemberChange, Op, Operation, PatchOutcome, apply, parse_patch};
pub use path::Path;
pub use project::Projection;
pub use render::{Member, Meta, render_group, render_user};
pub use resource::{Group, MemberRef, User, parse_group, parse_user, parse_user_replacing};
pub use schema::{ENTERPRISE_USER, GROUP, Kind, SALLYPORT_USER, USER};
pub use search::Parameters;
pub use versions::Versions;
