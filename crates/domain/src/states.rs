use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a person stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UserState {
    Active,
    /// Something about the name or the link is not unique or not possible: no access until it is settled.
    Conflict,
    /// Deleted in the directory; the name and uid stay theirs for ever.
    Gone,
    Suspended,
}

/// Where a host stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HostState {
    Live,
    /// Reports what it would do and changes nothing.
    Observing,
    /// Enrolled, has applied nothing yet.
    Pending,
    Retired,
    /// Its lease ended without a word from it.
    Silent,
}

/// Why a person is a [`UserState::Conflict`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictReason {
    /// The `externalId` of the resource moved to another object id, or is shared by two resources.
    Link,
    /// The `externalId` is not an object id, so nothing can be joined with a token.
    NoObjectId,
    /// A local account of that name was given to another person.
    NameAdopted,
    /// A host reported a local account or group of that name that is not ours.
    NameForeign,
    NameImpossible,
    NameReserved,
    NameTaken,
    /// Every uid of the ranges was handed out.
    NoUid,
    /// In none of the groups that the connection's scope names. With [`UserState::Suspended`]: joining one ends it.
    OutOfScope,
    /// The directory sends a `uidNumber` or `gidNumber` that can be nobody's.
    UidImpossible,
    /// The `uidNumber` or `gidNumber` that the directory sends is somebody else's, or a host's.
    UidTaken,
}

macro_rules! as_text {
    ($type:ty { $($variant:ident = $text:literal),* $(,)? }) => {
        impl $type {
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl FromStr for $type {
            type Err = UnknownState;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text { $($text => Ok(Self::$variant),)* _ => Err(UnknownState) }
            }
        }
    };
}

/// Text that names no state: a row written by a later version, or damaged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown state")]
pub struct UnknownState;

as_text!(UserState { Active = "active", Conflict = "conflict", Gone = "gone", Suspended = "suspended" });
as_text!(HostState { Live = "live", Observing = "observing", Pending = "pending", Retired = "retired", Silent = "silent" });
as_text!(ConflictReason {
    Link = "link",
    NoObjectId = "no_object_id",
    NameAdopted = "name_adopted",
    NameForeign = "name_foreign",
    NameImpossible = "name_impossible",
    NameReserved = "name_reserved",
    NameTaken = "name_taken",
    NoUid = "no_uid",
    OutOfScope = "out_of_scope",
    UidImpossible = "uid_impossible",
    UidTaken = "uid_taken",
});
