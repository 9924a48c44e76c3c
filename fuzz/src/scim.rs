//! The SCIM room: whatever the bytes are, nothing panics, and what is promised of every input holds.

use sallyport_scim::limits::MAX_FILTER_LENGTH;
use sallyport_scim::{Filter, Kind, Path, Projection, apply, json, parse_group, parse_patch, parse_user};
use serde_json::{Map, Value};

/// What PATCH meets, and filters are asked of.
const USER: &str = r#"{
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    "userName": "mara.lind@contoso.test", "active": true, "displayName": "Mara Lind", "title": "SRE",
    "externalId": "0a0a0a0a-1111-4222-8333-444455556666",
    "name": {"familyName": "Lind", "givenName": "Mara"},
    "emails": [{"primary": true, "type": "work", "value": "mara.lind@contoso.test"}, {"type": "home", "value": "m@home.test"}],
    "roles": [{"value": "one"}, {"value": "two", "primary": false}],
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Platform", "manager": {"value": "x"}},
    "urn:ietf:params:scim:schemas:extension:sallyport:2.0:User": {"posixName": "mlind", "uidNumber": 70001},
    "tags": ["a", "b"], "xkept": {"deep": [1, {"x": "y"}]}
}"#;

/// A filter, a path, a list of attributes: what parses prints what parses to the same, and `not` is the opposite.
pub fn filter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let document = document();
    if let Ok(filter) = text.parse::<Filter>() {
        let printed = filter.to_string();
        if printed.len() <= MAX_FILTER_LENGTH {
            assert_eq!(printed.parse::<Filter>().as_ref(), Ok(&filter), "{printed}");
        }
        let _ = (filter.as_lookup(), filter.check(Kind::User), filter.check(Kind::Group));
        let matched = filter.matches(Kind::User, &document);
        let opposite = Filter::Not(Box::new(filter));
        assert_eq!(opposite.matches(Kind::User, &document), !matched, "{printed}");
        let _ = opposite.matches(Kind::Group, &document);
    }
    if let Ok(path) = text.parse::<Path>() {
        let printed = path.to_string();
        if printed.len() <= MAX_FILTER_LENGTH {
            assert_eq!(printed.parse::<Path>(), Ok(path), "{printed}");
        }
    }
    for (only, without) in [(Some(text), None), (None, Some(text))] {
        if let Ok(projection) = Projection::parse(only, without) {
            let shown = projection.apply(Kind::User, document.clone());
            assert!(shown.contains_key("schemas"), "{text}");
        }
    }
}

/// The body of a PATCH: an attribute that it does not name is as it was, and what comes out could have been posted.
pub fn patch(data: &[u8]) {
    let Ok(body) = json::parse_object(data) else { return };
    let Ok(operations) = parse_patch(&body) else { return };
    let document = document();
    for kind in [Kind::User, Kind::Group] {
        let Ok(outcome) = apply(kind, &document, &operations) else { continue };
        assert_eq!(outcome.changed, outcome.document != document);
        if !Value::Object(body.clone()).to_string().to_lowercase().contains("xkept") {
            assert_eq!(outcome.document.get("xkept"), document.get("xkept"));
        }
        match kind {
            Kind::User => assert!(outcome.members.is_empty()),
            Kind::Group => assert!(!outcome.document.contains_key("members")),
        }
        again(kind, outcome.document);
    }
}

/// The body of a POST: what was read once reads to the same.
pub fn resource(data: &[u8]) {
    let Ok(body) = json::parse_object(data) else { return };
    if let Ok(user) = parse_user(body.clone()) {
        let _ = (user.active(), user.emails(), user.manager(), user.posix_name(), user.uid_number());
        again(Kind::User, user.into_document());
    }
    if let Ok((group, _)) = parse_group(body) {
        again(Kind::Group, group.into_document());
    }
}

fn again(kind: Kind, document: Map<String, Value>) {
    let mut expected = document.clone();
    let read = match kind {
        Kind::User => {
            expected.entry("active").or_insert(Value::Bool(true));
            parse_user(document).map(sallyport_scim::User::into_document)
        }
        Kind::Group => parse_group(document).map(|(group, _)| group.into_document()),
    };
    assert_eq!(read, Ok(expected));
}

fn document() -> Map<String, Value> {
    serde_json::from_str(USER).unwrap_or_default()
}
