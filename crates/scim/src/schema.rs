//! What is known of resource types and attributes: behind `/Schemas`, case rules, booleans and name spelling.

mod attributes;

use attributes::{
    COMMON_ATTRIBUTES, ENTERPRISE_ATTRIBUTES, GROUP_ATTRIBUTES, SALLYPORT_ATTRIBUTES, USER_ATTRIBUTES,
};

/// Schema URN of the core User.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Schema URN of the core Group.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// Schema URN of the enterprise extension of User.
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Schema URN of this system's own extension of User: the account that a directory proposes on hosts.
pub const SALLYPORT_USER: &str = "urn:ietf:params:scim:schemas:extension:sallyport:2.0:User";

/// The resource types.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    Group,
    User,
}

impl Kind {
    /// `User` or `Group`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Group => "Group",
            Self::User => "User",
        }
    }

    /// The plural in the URL, without slash.
    #[must_use]
    pub const fn endpoint(self) -> &'static str {
        match self {
            Self::Group => "Groups",
            Self::User => "Users",
        }
    }

    /// URN of the core schema.
    #[must_use]
    pub const fn urn(self) -> &'static str {
        match self {
            Self::Group => GROUP,
            Self::User => USER,
        }
    }

    pub(crate) const fn attributes(self) -> &'static [Attribute] {
        match self {
            Self::Group => GROUP_ATTRIBUTES,
            Self::User => USER_ATTRIBUTES,
        }
    }

    pub(crate) const fn extensions(self) -> &'static [(&'static str, &'static [Attribute])] {
        match self {
            Self::Group => &[],
            Self::User => &[(ENTERPRISE_USER, ENTERPRISE_ATTRIBUTES), (SALLYPORT_USER, SALLYPORT_ATTRIBUTES)],
        }
    }

    /// A core or common attribute, by name in any case.
    pub(crate) fn attribute(self, name: &str) -> Option<&'static Attribute> {
        find(self.attributes(), name).or_else(|| find(COMMON_ATTRIBUTES, name))
    }

    /// A known extension, by URN in any case.
    pub(crate) fn extension(self, urn: &str) -> Option<(&'static str, &'static [Attribute])> {
        self.extensions().iter().copied().find(|(known, _)| known.eq_ignore_ascii_case(urn))
    }

    /// The attribute that every resource of this kind has.
    pub(crate) const fn required(self) -> &'static str {
        match self {
            Self::Group => "displayName",
            Self::User => "userName",
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Type {
    Binary,
    Boolean,
    Complex,
    DateTime,
    Integer,
    Reference,
    String,
}

/// Characteristics of RFC 7643 section 2.2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) kind: Type,
    pub(crate) multi: bool,
    pub(crate) required: bool,
    pub(crate) case_exact: bool,
    pub(crate) mutability: &'static str,
    pub(crate) uniqueness: &'static str,
    pub(crate) canonical: &'static [&'static str],
    pub(crate) references: &'static [&'static str],
    pub(crate) sub: &'static [Attribute],
}

impl Attribute {
    pub(crate) fn sub(&self, name: &str) -> Option<&'static Attribute> {
        find(self.sub, name)
    }

    const fn new(name: &'static str, kind: Type, description: &'static str) -> Self {
        Self {
            name,
            description,
            kind,
            multi: false,
            required: false,
            case_exact: false,
            mutability: "readWrite",
            uniqueness: "none",
            canonical: &[],
            references: &[],
            sub: &[],
        }
    }

    const fn exact(self) -> Self {
        Self { case_exact: true, ..self }
    }

    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn unique(self) -> Self {
        Self { uniqueness: "server", ..self }
    }

    const fn mutability(self, mutability: &'static str) -> Self {
        Self { mutability, ..self }
    }

    const fn canonical(self, canonical: &'static [&'static str]) -> Self {
        Self { canonical, ..self }
    }

    const fn kind(self, kind: Type) -> Self {
        Self { kind, ..self }
    }
}

pub(crate) fn find(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}
