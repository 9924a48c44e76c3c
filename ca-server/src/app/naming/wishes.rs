//! The name and the numbers that a directory wants for somebody, whoever tells of them.

use sallyport_scim::SALLYPORT_USER;
use serde_json::Value;

use super::Attributes;

/// The name that is to stand in the place of the expression's.
pub(super) fn name(attributes: Attributes<'_>) -> Option<String> {
    match wish(attributes, "posixName")? {
        Value::String(name) if name.is_empty() && !matches!(attributes, Attributes::Scim(_)) => None,
        Value::String(name) => Some(name.clone()),
        other => Some(other.to_string()),
    }
}

/// `uidNumber` and `gidNumber`, possible or not; or which of them is no number, with which a directory's write would be
/// refused.
pub(super) fn numbers(attributes: Attributes<'_>) -> Result<[Option<i64>; 2], String> {
    Ok([number(attributes, "uidNumber")?, number(attributes, "gidNumber")?])
}

/// As SCIM reads them: text is a number too, and empty text is nothing.
fn number(attributes: Attributes<'_>, name: &str) -> Result<Option<i64>, String> {
    let number = match wish(attributes, name) {
        None => return Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(other) => other.as_i64(),
    };
    number
        .map(Some)
        .ok_or_else(|| format!("{name} is no whole number: the directory's write would be refused"))
}

/// SCIM has them in our extension and nowhere else; elsewhere they may bear its name, or not.
fn wish<'a>(attributes: Attributes<'a>, name: &str) -> Option<&'a Value> {
    let ours = attributes.get(&format!("{SALLYPORT_USER}:{name}"));
    match attributes {
        Attributes::Scim(_) => ours,
        _ => ours.or_else(|| attributes.get(name)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(attributes: &Value, scim: bool) -> (Option<String>, Result<[Option<i64>; 2], String>) {
        let map = attributes.as_object().unwrap();
        let attributes = if scim { Attributes::Scim(map) } else { Attributes::Flat(map) };
        (name(attributes), numbers(attributes))
    }

    #[test]
    fn wishes_are_read_as_scim_reads_them() {
        let heading = format!("{SALLYPORT_USER}:uidNumber");
        for (document, wanted) in [
            (json!({ "posixName": "mara", "uidNumber": " 70001 " }), (Some("mara"), [Some(70_001), None])),
            (json!({ "posixName": "", "uidNumber": "", "GIDNUMBER": 5 }), (None, [None, Some(5)])),
            (json!({ heading: -1 }), (None, [Some(-1), None])),
        ] {
            let (name, numbers) = read(&document, false);
            assert_eq!((name.as_deref(), numbers.unwrap()), wanted, "{document}");
        }
        let document =
            json!({ "uidNumber": 7, "urn:x": { "uidNumber": 8 }, SALLYPORT_USER: { "gidNumber": "9" } });
        assert_eq!(read(&document, true), (None, Ok([None, Some(9)])), "another's extension is not ours");
        for wrong in [json!("7e4"), json!("0x10"), json!(1.5), json!(true), json!(["7"])] {
            let (_, numbers) = read(&json!({ "gidNumber": wrong }), false);
            assert!(numbers.unwrap_err().contains("gidNumber"), "{wrong}");
        }
    }
}
