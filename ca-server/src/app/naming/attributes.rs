//! What `[name]` means in an expression: SCIM attributes, Graph attributes and token claims alike.

use serde_json::{Map, Value};

/// A person's attributes as some directory spells them.
#[derive(Clone, Copy, Debug)]
pub enum Attributes<'a> {
    /// Attributes, properties or claims by their own names.
    Flat(&'a Map<String, Value>),
    /// A SCIM User.
    Scim(&'a Map<String, Value>),
}

/// What Entra calls an attribute, and what Graph, tokens and people's spreadsheets call it.
const ALIASES: [(&str, &[&str]); 6] = [
    ("displayName", &["name"]),
    ("givenName", &["given_name"]),
    ("mail", &["email"]),
    ("objectId", &["oid", "id"]),
    ("surname", &["family_name"]),
    ("userPrincipalName", &["upn", "preferred_username", "userName"]),
];

/// Where SCIM keeps what Entra calls so, by Entra's default mapping.
const IN_SCIM: [(&str, &str); 19] = [
    ("city", "addresses.work.locality"),
    ("companyName", "organization"),
    ("country", "addresses.work.country"),
    ("employeeId", "employeeNumber"),
    ("facsimileTelephoneNumber", "phoneNumbers.fax.value"),
    ("givenName", "name.givenName"),
    ("jobTitle", "title"),
    ("mail", "emails.work.value"),
    ("mailNickname", "nickName"),
    ("mobile", "phoneNumbers.mobile.value"),
    ("objectId", "externalId"),
    ("oid", "externalId"),
    ("physicalDeliveryOfficeName", "addresses.work.formatted"),
    ("postalCode", "addresses.work.postalCode"),
    ("state", "addresses.work.region"),
    ("streetAddress", "addresses.work.streetAddress"),
    ("surname", "name.familyName"),
    ("telephoneNumber", "phoneNumbers.work.value"),
    ("userPrincipalName", "userName"),
];

impl<'a> Attributes<'a> {
    /// The value of an attribute; none where it is absent or null. ASCII case does not count in names.
    pub fn get(self, name: &str) -> Option<&'a Value> {
        match self {
            Self::Flat(map) => flat(map, name),
            Self::Scim(map) => scim(map, name),
        }
    }
}

fn member<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let exact = map.get(name);
    let found =
        exact.or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value));
    found.filter(|value| !value.is_null())
}

fn flat<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let aliases =
        ALIASES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, aliases)| *aliases);
    member(map, name).or_else(|| aliases.unwrap_or_default().iter().find_map(|alias| member(map, alias)))
}

/// By its own name, in the core or in an extension, and else where Entra's default mapping puts it.
fn scim<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let own = member(map, name).filter(|value| !value.is_object());
    own.or_else(|| extension(map, name)).or_else(|| {
        let known = IN_SCIM.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, path)| *path);
        at(map, known.unwrap_or(name))
    })
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

    #[test]
    fn scim_attributes_have_entras_names() {
        let document = json!({
            "userName": "Mara.Lind@contoso.test", "externalId": "o1", "title": "Boss",
            "name": { "givenName": "Mara", "familyName": "Lind" },
            "emails": [{ "type": "home", "value": "h" }, { "type": "work", "value": "w" }],
            "phoneNumbers": [{ "type": "mobile", "value": "1" }],
            "urn:x:2.0:User": { "department": "IT", "employeeNumber": "7" },
        });
        let scim = Attributes::Scim(object(&document));
        for (name, wanted) in [
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
        ] {
            assert_eq!(scim.get(name).and_then(Value::as_str), Some(wanted), "{name}");
        }
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
    fn graph_and_claims_are_read_by_the_same_names() {
        let graph = json!({ "id": "o", "userPrincipalName": "m@x.test", "givenName": "M", "mail": null });
        let claims = json!({ "oid": "o", "preferred_username": "m@x.test", "given_name": "M" });
        for attributes in [object(&graph), object(&claims)].map(Attributes::Flat) {
            assert_eq!(attributes.get("userPrincipalName").unwrap(), "m@x.test");
            assert_eq!(attributes.get("objectId").unwrap(), "o");
            assert_eq!(attributes.get("GivenName").unwrap(), "M");
            assert_eq!(attributes.get("mail"), None);
        }
    }
}
