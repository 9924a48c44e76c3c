//! What may decide a name, and what may not.

use sallyport_mapping::{AttributeMap, Expression, Function, NameMapping, Problem, Value};

use crate::refusals::problem;

#[test]
fn what_gives_another_value_each_time_decides_no_name() {
    let calls = [
        ("Guid()", 11),
        ("Now()", 11),
        ("RandomString(6,3,0,0,3)", 11),
        (r#"IIF("1" = "2", Now(), [mail])"#, 26),
    ];
    for (call, column) in calls {
        let text = format!("Join(\"-\", {call}, [mail])");
        let error = NameMapping::parse(&text).expect_err(&text);
        assert!(matches!(error.problem(), Problem::NotDeterministic(_)), "{error}");
        assert_eq!(error.place().column, column, "{text}");
    }
    let unique = "SelectUniqueValue([mailNickname], [mail])";
    assert!(matches!(NameMapping::parse(unique).expect_err(unique).problem(), Problem::NotDeterministic(_)));
    assert_eq!(Function::all().filter(|function| !function.is_deterministic()).count(), 4);
}

#[test]
fn a_name_is_one_text_and_reads_an_attribute() {
    for list in [
        r#"Split([mail], "@")"#,
        "RemoveDuplicates([proxyAddresses])",
        "AppRoleAssignmentsComplex([appRoleAssignments])",
        "AssertiveAppRoleAssignmentsComplex([appRoleAssignments])",
        r#"IIF([a]="b",[mail],Split([mail],"@"))"#,
        r#"Switch([a],Split([mail],"@"),"k","v")"#,
        "Coalesce([a], RemoveDuplicates([b]))",
    ] {
        assert!(
            matches!(NameMapping::parse(list).expect_err(list).problem(), Problem::NotAName(_)),
            "{list}"
        );
    }
    assert!(NameMapping::parse(r#"Item(Split([mail], "@"), 1)"#).is_ok());
    let same_for_all = NameMapping::parse(r#"ToLower("Everybody")"#).expect_err("no attribute");
    assert_eq!(*same_for_all.problem(), Problem::NameWithoutAttributes);
}

#[test]
fn nobody_chooses_the_regular_expression_of_their_own_name() {
    let error = NameMapping::parse("Replace([mail], , [pattern], , \"\")").expect_err("it is an attribute");
    assert_eq!((error.problem(), error.place().column), (&Problem::PatternNotConstant, 19));
}

#[test]
fn nothing_takes_the_place_of_an_absent_or_empty_name() {
    let mapping = NameMapping::parse("ToLower([mailNickname])").expect("it is sound");
    let absent = AttributeMap::from_iter([("userPrincipalName", "alice@contoso.test")]);
    assert_eq!(mapping.name(&absent), Ok(None));
    let empty = AttributeMap::from_iter([("mailNickname", "")]);
    assert_eq!(mapping.name(&empty), Ok(None));
}

#[test]
fn an_attribute_with_several_values_is_no_name() {
    let mapping = NameMapping::parse("[proxyAddresses]").expect("it is sound");
    let several = AttributeMap::from_iter([("proxyAddresses", Value::List(vec!["a".to_owned()]))]);
    let error = mapping.name(&several).expect_err("a list");
    assert!(matches!(error.problem(), Problem::NotAName(_)), "{error}");
}

#[test]
fn attributes_that_are_read_are_named_once() {
    let mapping =
        NameMapping::parse("Coalesce([mail], [userPrincipalName], Left([MAIL], 3))").expect("it is sound");
    assert_eq!(mapping.expression().attributes(), ["mail", "userPrincipalName"]);
    assert!(matches!(problem("Left([a])"), Problem::WrongArity { .. }));
}

#[test]
fn whether_something_is_there_is_not_for_iif() {
    for (text, column) in [
        ("IIF(IsPresent([mail]), [mail], [userPrincipalName])", 5),
        ("IIF(IsNullOrEmpty([mail]), [userPrincipalName], [mail])", 5),
        ("IIF(Not(IsNull([mail])), [mail], \"x\")", 9),
        ("ToLower(IIF([mail]=\"\", [userPrincipalName], [mail]))", 13),
        ("Switch([a], IIF(\"\" <> [mail], [mail], [a]), \"k\", \"v\")", 17),
    ] {
        let error = NameMapping::parse(text).expect_err(text);
        assert!(matches!(error.problem(), Problem::PresenceInIif(_)), "{text}: {error}");
        assert_eq!(error.place().column, column, "{text}: {error}");
        assert!(error.to_string().contains("Switch"), "{error}");
        // It can be tried, and whoever does is told.
        let tried = Expression::parse(text).expect("it parses");
        assert_eq!(tried.doubts(), [error]);
    }
    for sound in [
        "Switch([mail], [mail], \"\", [userPrincipalName])",
        "Switch(IsPresent([mail]), [userPrincipalName], \"True\", [mail])",
        "IIF([country]=\"DE\", [mail], IIF([country]=\"AT\", [userPrincipalName], [displayName]))",
    ] {
        assert!(NameMapping::parse(sound).is_ok(), "{sound}");
        assert_eq!(Expression::parse(sound).expect("it parses").doubts(), []);
    }
}
