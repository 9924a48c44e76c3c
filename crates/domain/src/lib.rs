//! The nouns of Sallyport: pure values that cannot say the wrong thing.
//!
//! Nothing here knows IO, a clock or a database. Each type is parsed once, at the boundary, and is its own proof
//! from then on: a [`Principal`] has no comma, a [`HostName`] is lower case, [`Principals`] is never empty.

mod clock;
mod connection_name;
mod extension;
mod folded;
mod generation;
mod host_name;
mod id;
mod lifetime;
mod name_rule;
mod posix_groups;
mod posix_name;
mod principal;
mod reserved;
mod serial;
mod states;
mod subject;
mod tags;
mod uid;

pub use clock::Clock;
pub use connection_name::{ConnectionName, ConnectionNameError};
pub use extension::{Extension, UnknownExtension};
pub use folded::folded;
pub use generation::Generation;
pub use host_name::{HostName, HostNameError, HostPattern, HostPatternError, HostPatterns};
pub use id::{
    CertificateId, EnrollTokenId, GrantId, GroupId, HostId, Id, IdError, Kind, RequestId, ResourceId,
    ScimTokenId, SessionId, UserId, kind,
};
pub use lifetime::{Lifetime, LifetimeError};
pub use name_rule::{NamePattern, NamePatternError, NameRefusal, NameRule};
pub use posix_groups::{PosixGroups, is_root_equivalent};
pub use posix_name::{PosixName, PosixNameError};
pub use principal::{Principal, PrincipalError, Principals};
pub use serial::Serial;
pub use states::{ConflictReason, HostState, UserState};
pub use subject::{ObjectId, Subject, TenantId};
pub use tags::{Tag, TagError, Tags};
pub use uid::{Uid, UidError, UidRange, UidRangeError};
