//! The attributes that we know: the one table behind `/Schemas`, case rules, booleans and name spelling.

/// Schema URN of the core User.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Schema URN of the core Group.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// Schema URN of the enterprise extension of User.
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

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
            Self::User => &[(ENTERPRISE_USER, ENTERPRISE_ATTRIBUTES)],
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

/// How values of case-insensitive attributes are compared. Whoever keeps an index over such an attribute keeps
/// this form of it, so that index and filter agree. Each character is folded on its own, so that a part of a text
/// is also a part of the folded text.
#[must_use]
pub fn fold_case(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Type {
    Binary,
    Boolean,
    Complex,
    DateTime,
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

const fn string(name: &'static str, description: &'static str) -> Attribute {
    Attribute::new(name, Type::String, description)
}

const fn reference(
    name: &'static str,
    references: &'static [&'static str],
    description: &'static str,
) -> Attribute {
    Attribute { references, ..Attribute::new(name, Type::Reference, description).exact() }
}

const fn complex(name: &'static str, sub: &'static [Attribute], description: &'static str) -> Attribute {
    Attribute { sub, ..Attribute::new(name, Type::Complex, description) }
}

const fn values(name: &'static str, sub: &'static [Attribute], description: &'static str) -> Attribute {
    Attribute { multi: true, ..complex(name, sub, description) }
}

const DISPLAY: Attribute = string("display", "A label for people.");
const PRIMARY: Attribute = Attribute::new("primary", Type::Boolean, "Whether this is the preferred value.");
const TYPE: Attribute = string("type", "What the value is for.");
const WORK_HOME_OTHER: Attribute = TYPE.canonical(&["work", "home", "other"]);

/// Attributes of every resource; RFC 7643 section 3.1 keeps them out of `/Schemas`.
pub(crate) const COMMON_ATTRIBUTES: &[Attribute] = &[
    Attribute { multi: true, ..reference("schemas", &["uri"], "The schemas of the resource.") },
    string("id", "Identifier given by this server.").exact().mutability("readOnly"),
    string("externalId", "Identifier given by the client.").exact(),
    complex(
        "meta",
        &[
            string("resourceType", "Name of the resource type.").exact(),
            Attribute::new("created", Type::DateTime, "When the resource was created."),
            Attribute::new("lastModified", Type::DateTime, "When the resource was last changed."),
            reference("location", &["uri"], "Address of the resource."),
            string("version", "Version of the resource.").exact(),
        ],
        "Metadata kept by this server.",
    )
    .mutability("readOnly"),
];

const NAME: &[Attribute] = &[
    string("formatted", "The whole name, ready for display."),
    string("familyName", "Family name."),
    string("givenName", "Given name."),
    string("middleName", "Middle names."),
    string("honorificPrefix", "What is written before the name."),
    string("honorificSuffix", "What is written after the name."),
];

const ADDRESS: &[Attribute] = &[
    string("formatted", "The whole address, ready for display."),
    string("streetAddress", "Street and number."),
    string("locality", "City."),
    string("region", "State or region."),
    string("postalCode", "Postal code."),
    string("country", "Country."),
    WORK_HOME_OTHER,
    PRIMARY,
];

pub(crate) const USER_ATTRIBUTES: &[Attribute] = &[
    string("userName", "The name the user signs in with; unique, compared without regard to case.")
        .required()
        .unique(),
    complex("name", NAME, "The parts of the user's name."),
    string("displayName", "The name to show."),
    string("nickName", "The casual name."),
    reference("profileUrl", &["external"], "Address of the user's page."),
    string("title", "Job title."),
    string("userType", "Relation to the organisation, such as Member or Guest."),
    string("preferredLanguage", "Preferred languages, in the form of an Accept-Language header."),
    string("locale", "Where dates and numbers are formatted for."),
    string("timezone", "Time zone, by its IANA name."),
    Attribute::new("active", Type::Boolean, "Whether the user may sign in. False suspends at once."),
    values(
        "emails",
        &[string("value", "E-mail address."), DISPLAY, WORK_HOME_OTHER, PRIMARY],
        "E-mail addresses.",
    ),
    values(
        "phoneNumbers",
        &[
            string("value", "Telephone number, kept as it was written."),
            DISPLAY,
            TYPE.canonical(&["work", "home", "mobile", "fax", "pager", "other"]),
            PRIMARY,
        ],
        "Telephone numbers.",
    ),
    values(
        "ims",
        &[string("value", "Address for instant messages."), DISPLAY, TYPE, PRIMARY],
        "Addresses for instant messages.",
    ),
    values(
        "photos",
        &[
            reference("value", &["external"], "Address of the picture."),
            DISPLAY,
            TYPE.canonical(&["photo", "thumbnail"]),
            PRIMARY,
        ],
        "Pictures of the user.",
    ),
    values("addresses", ADDRESS, "Postal addresses."),
    values(
        "entitlements",
        &[string("value", "The entitlement."), DISPLAY, TYPE, PRIMARY],
        "Entitlements. They decide nothing here.",
    ),
    values(
        "roles",
        &[string("value", "The role."), DISPLAY, TYPE, PRIMARY],
        "Roles. They decide nothing here.",
    ),
    values(
        "x509Certificates",
        &[string("value", "DER certificate in base64.").kind(Type::Binary).exact(), DISPLAY, TYPE, PRIMARY],
        "X.509 certificates of the user.",
    ),
];

const MANAGER: &[Attribute] = &[
    string("value", "The id of the manager's User.").exact(),
    reference("$ref", &["User"], "Address of the manager's User."),
    string("displayName", "The manager's name.").mutability("readOnly"),
];

pub(crate) const ENTERPRISE_ATTRIBUTES: &[Attribute] = &[
    string("employeeNumber", "Number given by the organisation."),
    string("costCenter", "Cost center."),
    string("organization", "Organisation."),
    string("division", "Division."),
    string("department", "Department."),
    complex("manager", MANAGER, "The user's manager."),
];

const MEMBER: &[Attribute] = &[
    string("value", "The id of the member's User.").exact().mutability("immutable"),
    reference("$ref", &["User"], "Address of the member's User.").mutability("immutable"),
    TYPE.canonical(&["User"]).mutability("immutable"),
    string("display", "The member's name.").mutability("readOnly"),
];

pub(crate) const GROUP_ATTRIBUTES: &[Attribute] = &[
    string("displayName", "The name of the group.").required(),
    values("members", MEMBER, "The members. Groups within groups are ignored."),
];
