//! The mapping room: whatever the bytes are, nothing panics, and what is promised of every expression holds.

use sallyport_mapping::{AttributeMap, Expression, NameMapping, Problem, Value, limits};

/// An expression: an error has its place inside; what parses prints what parses to the same; evaluating twice gives
/// the same, within the budgets; and what may decide names gives a text.
pub fn expression(data: &[u8]) {
    let attributes = attributes();
    let parsed = match Expression::parse_bytes(data) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert!(error.place().offset <= data.len());
            let text = std::str::from_utf8(data);
            assert_eq!(text.is_err(), *error.problem() == Problem::NotText, "{error}");
            assert_eq!(error.caret().lines().count(), 2, "{error}");
            return;
        }
    };
    let printed = parsed.to_string();
    if printed.chars().count() <= limits::EXPRESSION_CHARS {
        assert_eq!(Expression::parse(&printed).as_ref(), Ok(&parsed), "{printed}");
    }
    let value = parsed.evaluate(&attributes);
    assert_eq!(value, parsed.evaluate(&attributes), "{printed}");
    if let Ok(value) = &value {
        assert_within_budgets(value);
    }
    if let Ok(mapping) = NameMapping::try_from(parsed)
        && let Ok(Some(name)) = mapping.name(&attributes)
    {
        assert!(!name.is_empty());
        assert_eq!(value.ok().and_then(|value| value.text()), Some(name));
    }
}

/// A regular expression, a text and a replacement, each on a line: refused, or done within the budgets.
pub fn pattern(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(3, '\n');
    let [pattern, source, new] = [(); 3].map(|()| lines.next().unwrap_or_default());
    let quoted = pattern.replace('\\', "\\\\").replace('"', "\\\"");
    let attributes: AttributeMap = [("s", source), ("r", new)].into_iter().collect();
    let Ok(parsed) = Expression::parse(&format!("Replace([s], , \"{quoted}\", , [r])")) else { return };
    if let Ok(value) = parsed.evaluate(&attributes) {
        assert_within_budgets(&value);
    }
}

fn assert_within_budgets(value: &Value) {
    match value {
        Value::Text(text) => assert!(text.len() <= limits::TEXT_BYTES),
        Value::List(items) => {
            assert!(items.len() <= limits::LIST_ITEMS);
            assert!(items.iter().map(String::len).sum::<usize>() <= limits::TEXT_BYTES);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What the seeds ask for.
fn attributes() -> AttributeMap {
    let mut attributes: AttributeMap = [
        ("userPrincipalName", "Mara-Zoë.O'Lind@contoso.test"),
        ("mail", "mara.lind@contoso.test"),
        ("givenName", "Zoë"),
        ("surname", "ŁĄCZNA 😀"),
        ("extensionAttribute1", "20150123105347.1Z"),
        ("StatusHireDate", "2012-03-16-07:00"),
        ("telephoneNumber", "+91 9998887777"),
        ("empty", ""),
    ]
    .into_iter()
    .collect();
    attributes
        .set("proxyAddresses", Value::List(vec!["SMTP:a@x.test".to_owned(), "smtp:b@x.test".to_owned()]));
    attributes.set("IsSoftDeleted", false);
    attributes.set("number", 1_i64 << 40);
    attributes
}
