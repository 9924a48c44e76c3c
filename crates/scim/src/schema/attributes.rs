//! The one table of attributes.

use super::{Attribute, Type};

const fn string(name: &'static str, description: &'static str) -> Attribute {
    Attribute::new(name, Type::String, description)
}

const fn integer(name: &'static str, description: &'static str) -> Attribute {
    Attribute::new(name, Type::Integer, description)
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
pub(super) const COMMON_ATTRIBUTES: &[Attribute] = &[
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

pub(super) const USER_ATTRIBUTES: &[Attribute] = &[
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

pub(super) const ENTERPRISE_ATTRIBUTES: &[Attribute] = &[
    string("employeeNumber", "Number given by the organisation."),
    string("costCenter", "Cost center."),
    string("organization", "Organisation."),
    string("division", "Division."),
    string("department", "Department."),
    complex("manager", MANAGER, "The user's manager."),
];

/// A value that no host would take, or that is somebody else's already, is stored all the same: what becomes of it is
/// decided where people are judged, not here.
pub(super) const SALLYPORT_ATTRIBUTES: &[Attribute] = &[
    string("posixName", "The name that the user's account on hosts should have.").exact(),
    integer("uidNumber", "The uid that the user's account on hosts should have."),
    integer("gidNumber", "The gid that the user's account on hosts should have."),
    string("loginShell", "Path of the shell that the user's account on hosts should have.").exact(),
];

const MEMBER: &[Attribute] = &[
    string("value", "The id of the member's User.").exact().mutability("immutable"),
    reference("$ref", &["User"], "Address of the member's User.").mutability("immutable"),
    TYPE.canonical(&["User"]).mutability("immutable"),
    string("display", "The member's name.").mutability("readOnly"),
];

pub(super) const GROUP_ATTRIBUTES: &[Attribute] = &[
    string("displayName", "The name of the group.").required(),
    values("members", MEMBER, "The members. Groups within groups are ignored."),
];
