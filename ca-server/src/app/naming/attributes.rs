//! What `[name]` means in an expression: SCIM attributes, Graph attributes and token claims alike.

use sallyport_protocol::names::AttributeSource;
use serde_json::{Map, Value};

/// A person's attributes as some directory spells them.
#[derive(Clone, Copy, Debug)]
pub enum Attributes<'a> {
    /// Columns of a spreadsheet, by their own names or by any that a directory has for them.
    Flat(&'a Map<String, Value>),
    /// A SCIM User.
    Scim(&'a Map<String, Value>),
    /// A user of Microsoft Graph.
    Graph(&'a Map<String, Value>),
    /// The claims of a token.
    Claims(&'a Map<String, Value>),
}

/// An attribute by the name that expressions have for it, and where each source keeps it when not under that name.
struct Known {
    name: &'static str,
    scim: &'static str,
    graph: &'static str,
    claim: &'static [&'static str],
}

const fn known(
    name: &'static str,
    scim: &'static str,
    graph: &'static str,
    claim: &'static [&'static str],
) -> Known {
    Known { name, scim, graph, claim }
}

/// Names are those of Entra's mappings; SCIM paths those of Entra's default mapping; Graph's and the tokens' their own.
const KNOWN: [Known; 23] = [
    known("appRoleAssignments", "roles", "", &["roles"]),
    known("city", "addresses.work.locality", "", &[]),
    known("companyName", "organization", "", &[]),
    known("country", "addresses.work.country", "", &["ctry"]),
    known("displayName", "", "", &["name"]),
    known("employeeId", "employeeNumber", "", &[]),
    known("facsimileTelephoneNumber", "phoneNumbers.fax.value", "faxNumber", &[]),
    known("givenName", "name.givenName", "", &["given_name"]),
    known("jobTitle", "title", "", &[]),
    known("mail", "emails.work.value", "", &["email"]),
    known("mailNickname", "nickName", "", &[]),
    known("mobile", "phoneNumbers.mobile.value", "mobilePhone", &[]),
    known("objectId", "externalId", "id", &["oid"]),
    known("oid", "externalId", "id", &[]),
    known("physicalDeliveryOfficeName", "addresses.work.formatted", "officeLocation", &[]),
    known("postalCode", "addresses.work.postalCode", "", &[]),
    known("preferredLanguage", "", "", &["xms_pl"]),
    known("state", "addresses.work.region", "", &[]),
    known("streetAddress", "addresses.work.streetAddress", "", &[]),
    known("surname", "name.familyName", "", &["family_name"]),
    known("telephoneNumber", "phoneNumbers.work.value", "businessPhones", &[]),
    known("userName", "", "userPrincipalName", &["upn", "preferred_username"]),
    known("userPrincipalName", "userName", "", &["upn", "preferred_username"]),
];

/// What spreadsheets call some of them, besides.
const HEADINGS: [(&str, &[&str]); 3] =
    [("objectId", &["id"]), ("oid", &["objectId", "id"]), ("userPrincipalName", &["userName"])];

impl<'a> Attributes<'a> {
    pub const fn of(source: AttributeSource, map: &'a Map<String, Value>) -> Self {
        match source {
            AttributeSource::Flat => Self::Flat(map),
            AttributeSource::Scim => Self::Scim(map),
            AttributeSource::Graph => Self::Graph(map),
            AttributeSource::Claims => Self::Claims(map),
        }
    }

    /// The value of an attribute; none where it is absent or null. ASCII case does not count in names.
    pub fn get(self, name: &str) -> Option<&'a Value> {
        let known = KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(name));
        match self {
            Self::Flat(map) => flat(map, name, known),
            Self::Scim(map) => scim(map, name, known),
            Self::Graph(map) => graph(map, name, known),
            Self::Claims(map) => claim(map, name, known),
        }
    }
}

fn member<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let exact = map.get(name);
    let found =
        exact.or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value));
    found.filter(|value| !value.is_null())
}

fn any<'a>(map: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| member(map, name))
}

fn flat<'a>(map: &'a Map<String, Value>, name: &str, known: Option<&Known>) -> Option<&'a Value> {
    let heading = || {
        let headings = HEADINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        any(map, headings.1)
    };
    member(map, name).or_else(|| any(map, known?.claim)).or_else(heading)
}

/// By its own name; in the extension attributes of a directory at home; and else as Graph calls it.
fn graph<'a>(map: &'a Map<String, Value>, name: &str, known: Option<&Known>) -> Option<&'a Value> {
    let at_home = || member(member(map, "onPremisesExtensionAttributes")?.as_object()?, name);
    let part = || {
        let (object, part) = name.split_once('.')?;
        member(member(map, object)?.as_object()?, part)
    };
    let renamed = || match member(map, known?.graph)? {
        // One in Entra's mappings, a list of one in Graph.
        Value::Array(items) => items.first(),
        value => Some(value),
    };
    let found = member(map, name).or_else(at_home).or_else(part).or_else(renamed);
    found.or_else(|| is_deleted(name, member(map, "accountEnabled")))
}

/// By its own name, as claims are called, or as a directory's own attributes are called in tokens.
fn claim<'a>(map: &'a Map<String, Value>, name: &str, known: Option<&Known>) -> Option<&'a Value> {
    let extension = || {
        let own = name.strip_prefix("extension_").and_then(|rest| rest.split_once('_')).map(|(_, own)| own);
        member(map, &format!("extn.{}", own.unwrap_or(name)))
    };
    member(map, name).or_else(|| any(map, known?.claim)).or_else(extension)
}

/// By its own name, in the core or in an extension, and else where Entra's default mapping puts it.
fn scim<'a>(map: &'a Map<String, Value>, name: &str, known: Option<&Known>) -> Option<&'a Value> {
    let own = member(map, name).filter(|value| !value.is_object());
    let path = known.map(|known| known.scim).filter(|path| !path.is_empty());
    let found = own.or_else(|| extension(map, name)).or_else(|| at(map, path.unwrap_or(name)));
    found.or_else(|| is_deleted(name, member(map, "active")))
}

/// Entra's word for who is not enabled.
fn is_deleted(name: &str, enabled: Option<&Value>) -> Option<&'static Value> {
    static DELETED: [Value; 2] = [Value::Bool(true), Value::Bool(false)];
    let enabled = enabled?.as_bool().filter(|_| name.eq_ignore_ascii_case("IsSoftDeleted"))?;
    DELETED.get(usize::from(enabled))
}

/// An attribute of some extension, by its own name or by its whole URN.
fn extension<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let (urn, name) = match name.rsplit_once(':') {
        Some((urn, name)) => (Some(urn), name),
        None => (None, name),
    };
    let extensions = map.iter().filter(|(key, _)| match urn {
        Some(urn) => key.eq_ignore_ascii_case(urn),
        None => key.contains(':'),
    });
    extensions.filter_map(|(_, value)| value.as_object()).find_map(|extension| member(extension, name))
}

/// `name.givenName`, or `emails.work.value`: the value whose type is `work`, or the first.
fn at<'a>(map: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let Some((list, rest)) = path.split_once('.') else {
        return member(map, path).or_else(|| extension(map, path));
    };
    match (member(map, list)?, rest.split_once('.')) {
        (Value::Object(object), None) => member(object, rest),
        (Value::Array(items), Some((kind, part))) => {
            let objects = || items.iter().filter_map(Value::as_object);
            let kind_of = |item: &Map<String, Value>| {
                member(item, "type").and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let typed = objects().find(|item| kind_of(item).eq_ignore_ascii_case(kind));
            let any = || objects().find(|item| list == "emails" || kind_of(item).is_empty());
            member(typed.or_else(any)?, part)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> &Map<String, Value> {
        value.as_object().unwrap()
    }

    fn say(attributes: Attributes<'_>, wanted: &[(&str, &str)]) {
        for (name, wanted) in wanted {
            assert_eq!(attributes.get(name).and_then(Value::as_str), Some(*wanted), "{name}");
        }
    }

    fn lack(attributes: Attributes<'_>, names: &[&str]) {
        for name in names {
            assert_eq!(attributes.get(name), None, "{name}");
        }
    }

    #[test]
    fn scim_attributes_have_entras_names() {
        let document = json!({
            "userName": "Mara.Lind@contoso.test", "externalId": "o1", "title": "Boss", "active": true,
            "name": { "givenName": "Mara", "familyName": "Lind" },
            "emails": [{ "type": "home", "value": "h" }, { "type": "work", "value": "w" }],
            "phoneNumbers": [{ "type": "mobile", "value": "1" }],
            "urn:x:2.0:User": { "department": "IT", "employeeNumber": "7" },
        });
        let scim = Attributes::Scim(object(&document));
        let wanted = [
            ("userPrincipalName", "Mara.Lind@contoso.test"),
            ("USERNAME", "Mara.Lind@contoso.test"),
            ("givenName", "Mara"),
            ("surname", "Lind"),
            ("name.familyName", "Lind"),
            ("mail", "w"),
            ("mobile", "1"),
            ("department", "IT"),
            ("urn:x:2.0:User:department", "IT"),
            ("employeeId", "7"),
            ("objectId", "o1"),
            ("jobTitle", "Boss"),
        ];
        say(scim, &wanted);
        assert_eq!(scim.get("IsSoftDeleted"), Some(&Value::Bool(false)));
        for name in ["name", "telephoneNumber", "city", "nothing", "urn:y:department"] {
            assert_eq!(scim.get(name).filter(|value| !value.is_object()), None, "{name}");
        }
    }

    #[test]
    fn the_upn_is_the_directorys_own_where_it_sends_one() {
        let document = json!({ "userName": "a@x.test", "userPrincipalName": "b@x.test" });
        assert_eq!(Attributes::Scim(object(&document)).get("userPrincipalName").unwrap(), "b@x.test");
    }

    #[test]
    fn graph_attributes_have_entras_names_too() {
        let user = json!({
            "id": "o1", "userPrincipalName": "Mara.Lind@contoso.test", "displayName": "Mara Lind", "mail": null,
            "givenName": "Mara", "accountEnabled": false, "businessPhones": ["+49 1", "+49 2"], "mobilePhone": "2",
            "officeLocation": "18/2111", "faxNumber": null, "employeeOrgData": { "division": "Ops" },
            "onPremisesExtensionAttributes": { "extensionAttribute1": "ml1", "extensionAttribute2": null },
            "extension_0f5e6f3a_costCentre": "42", "proxyAddresses": ["SMTP:m@contoso.test"],
        });
        let graph = Attributes::Graph(object(&user));
        let wanted = [
            ("objectId", "o1"),
            ("oid", "o1"),
            ("userName", "Mara.Lind@contoso.test"),
            ("userprincipalname", "Mara.Lind@contoso.test"),
            ("telephoneNumber", "+49 1"),
            ("mobile", "2"),
            ("physicalDeliveryOfficeName", "18/2111"),
            ("employeeOrgData.division", "Ops"),
            ("extensionAttribute1", "ml1"),
            ("extension_0f5e6f3a_costCentre", "42"),
        ];
        say(graph, &wanted);
        assert_eq!(graph.get("IsSoftDeleted"), Some(&Value::Bool(true)));
        lack(
            graph,
            &["mail", "facsimileTelephoneNumber", "extensionAttribute2", "extensionAttribute3", "upn"],
        );
    }

    #[test]
    fn claims_have_entras_names_too() {
        let claims = json!({
            "oid": "o1", "tid": "t", "preferred_username": "mara.lind@contoso.test", "name": "Mara Lind",
            "given_name": "Mara", "family_name": "Lind", "email": "m@contoso.test", "roles": ["Admin"], "ctry": "DE",
            "extn.costCentre": "42",
        });
        let token = Attributes::Claims(object(&claims));
        let wanted = [
            ("objectId", "o1"),
            ("oid", "o1"),
            ("userPrincipalName", "mara.lind@contoso.test"),
            ("userName", "mara.lind@contoso.test"),
            ("displayName", "Mara Lind"),
            ("givenName", "Mara"),
            ("surname", "Lind"),
            ("mail", "m@contoso.test"),
            ("country", "DE"),
            ("extension_0f5e6f3a_costCentre", "42"),
            ("preferred_username", "mara.lind@contoso.test"),
        ];
        say(token, &wanted);
        assert_eq!(token.get("appRoleAssignments"), Some(&json!(["Admin"])));
        let with_upn = json!({ "upn": "real@contoso.test", "preferred_username": "shown@contoso.test" });
        assert_eq!(
            Attributes::Claims(object(&with_upn)).get("userPrincipalName").unwrap(),
            "real@contoso.test"
        );
        lack(token, &["mobile", "employeeId", "IsSoftDeleted", "department"]);
    }

    /// Of one person, a directory, Graph and a token say the same: so does an expression.
    #[test]
    fn one_expression_gives_one_name_whoever_tells_of_the_person() {
        let scim = json!({ "userName": "Mara.Lind@contoso.test", "externalId": "o1",
            "name": { "givenName": "Mara", "familyName": "Lind" }, "emails": [{ "type": "work", "value": "m@c.test" }] });
        let graph = json!({ "id": "o1", "userPrincipalName": "Mara.Lind@contoso.test", "givenName": "Mara",
            "surname": "Lind", "mail": "m@c.test" });
        let claims = json!({ "oid": "o1", "preferred_username": "Mara.Lind@contoso.test", "given_name": "Mara",
            "family_name": "Lind", "email": "m@c.test" });
        let sheet = json!({ "oid": "o1", "upn": "Mara.Lind@contoso.test", "givenName": "Mara", "surname": "Lind",
            "mail": "m@c.test" });
        let sources = [
            Attributes::Scim(object(&scim)),
            Attributes::Graph(object(&graph)),
            Attributes::Claims(object(&claims)),
            Attributes::Flat(object(&sheet)),
        ];
        for (expression, wanted) in [
            (super::super::Mapping::DEFAULT, "mara.lind"),
            (r#"ToLower(Join("", Left([givenName], 1), [surname]))"#, "mlind"),
            (r#"ToLower(Replace([mail], , "@.*", , "", , ))"#, "m"),
            ("[objectId]", "o1"),
        ] {
            let mapping = super::super::Mapping::parse(expression).unwrap();
            for source in sources {
                assert_eq!(mapping.name(source), Ok(Some(wanted.to_owned())), "{expression} of {source:?}");
            }
        }
    }

    #[test]
    fn a_spreadsheet_may_have_any_of_the_names() {
        for row in [
            json!({ "id": "o", "userPrincipalName": "m@x.test", "givenName": "M", "mail": null }),
            json!({ "oid": "o", "preferred_username": "m@x.test", "given_name": "M" }),
            json!({ "oid": "o", "userName": "m@x.test", "given_name": "M" }),
        ] {
            let sheet = Attributes::Flat(object(&row));
            assert_eq!(sheet.get("userPrincipalName").unwrap(), "m@x.test");
            assert_eq!(sheet.get("objectId").unwrap(), "o");
            assert_eq!(sheet.get("GivenName").unwrap(), "M");
            assert_eq!(sheet.get("mail"), None);
        }
    }
}
