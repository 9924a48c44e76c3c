use serde_json::Value;

use crate::message::error_body;

/// Why a request is refused, in the terms of RFC 7644 section 3.12. The text is sent to the client.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ScimError {
    #[error("invalid filter: {0}")]
    InvalidFilter(String),
    #[error("invalid path: {0}")]
    InvalidPath(String),
    #[error("invalid syntax: {0}")]
    InvalidSyntax(String),
    #[error("invalid value: {0}")]
    InvalidValue(String),
    #[error("{0} cannot be changed or removed")]
    Mutability(String),
    #[error("no target: {0}")]
    NoTarget(String),
    #[error("{0} was not found")]
    NotFound(String),
    #[error("too many: {0}")]
    TooMany(String),
    #[error("{0} already exists")]
    Uniqueness(String),
    #[error("the resource has another version than If-Match names; read it again")]
    VersionMismatch,
}

impl ScimError {
    /// The HTTP status that goes with the error.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::InvalidFilter(_)
            | Self::InvalidPath(_)
            | Self::InvalidSyntax(_)
            | Self::InvalidValue(_)
            | Self::Mutability(_)
            | Self::NoTarget(_)
            | Self::TooMany(_) => 400,
            Self::NotFound(_) => 404,
            Self::Uniqueness(_) => 409,
            Self::VersionMismatch => 412,
        }
    }

    /// The `scimType` of RFC 7644 table 9, where the status has one.
    #[must_use]
    pub const fn scim_type(&self) -> Option<&'static str> {
        match self {
            Self::InvalidFilter(_) => Some("invalidFilter"),
            Self::InvalidPath(_) => Some("invalidPath"),
            Self::InvalidSyntax(_) => Some("invalidSyntax"),
            Self::InvalidValue(_) => Some("invalidValue"),
            Self::Mutability(_) => Some("mutability"),
            Self::NoTarget(_) => Some("noTarget"),
            Self::NotFound(_) | Self::VersionMismatch => None,
            Self::TooMany(_) => Some("tooMany"),
            Self::Uniqueness(_) => Some("uniqueness"),
        }
    }

    /// The sentence for the `detail` member.
    #[must_use]
    pub fn detail(&self) -> String {
        self.to_string()
    }

    /// The whole error message as it goes on the wire.
    #[must_use]
    pub fn body(&self) -> Value {
        error_body(self.status(), self.scim_type(), &self.detail())
    }
}
