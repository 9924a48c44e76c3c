//! Filters: what Entra and the testers send, what they find, and what is refused.

use sallyport_scim::limits::{MAX_FILTER_DEPTH, MAX_FILTER_LENGTH};
use sallyport_scim::{Filter, Kind, Lookup, ScimError};
use serde_json::{Map, Value, json};

use crate::common::{ENTERPRISE, object};

fn parse(text: &str) -> Filter {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A user as it is rendered, which is what filters are matched with.
fn mara() -> Map<String, Value> {
    object(json!({
        "id": "01HX", "userName": "Mara.Lind@contoso.test", "externalId": "Ab-Cd", "active": true,
        "displayName": "Mara Lind", "title": "Straße 5", "roles": [], "name": {"familyName": "Lind"},
        "emails": [
            {"type": "work", "value": "mara@contoso.test", "primary": true},
            {"type": "home", "value": "mara@home.test"}],
        "meta": {"lastModified": "2026-11-21T10:00:00Z", "resourceType": "User"},
        "custom": 42, "badge": "0017", "nothing": "",
        ENTERPRISE: {"department": "Platform", "manager": {"value": "5F0C"}},
    }))
}

#[track_caller]
fn finds(text: &str) {
    assert!(parse(text).matches(Kind::User, &mara()), "{text} should match");
}

#[track_caller]
fn misses(text: &str) {
    assert!(!parse(text).matches(Kind::User, &mara()), "{text} should not match");
}

#[test]
fn filter_for_an_existing_user_in_any_case() {
    finds("userName eq \"mara.lind@contoso.test\"");
    finds("USERNAME EQ \"MARA.LIND@CONTOSO.TEST\"");
    finds("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"mara.lind@contoso.test\"");
    finds("displayName eq \"mara lind\"");
    finds("title eq \"STRAßE 5\"");
    misses("userName eq \"mara.lind@contoso.tes\"");
}

#[test]
fn identifiers_are_compared_exactly() {
    finds("externalId eq \"Ab-Cd\"");
    misses("externalId eq \"ab-cd\"");
    finds("id eq \"01HX\"");
    misses("id eq \"01hx\"");
    finds("manager eq \"5F0C\"");
    misses("manager eq \"5f0c\"");
}

#[test]
fn bare_words_and_other_literals() {
    finds("externalId eq Ab-Cd");
    finds("userName eq mara.lind@contoso.test and active eq true");
    finds("(externalId eq Ab-Cd)");
    finds("active eq \"True\"");
    finds("active eq True");
    misses("active eq false");
    misses("active eq \"yes\"");
    finds("custom eq 42");
    finds("custom eq 42.0");
    finds("custom gt 41");
    misses("custom gt 42");
    finds("badge eq 0017");
    finds("badge eq \"0017\"");
    misses("badge eq 17");
    finds("nickName eq null");
    misses("userName eq null");
    finds("userName ne null");
}

/// As an index over the folded name finds it, and no part of a name is lost.
#[test]
fn a_name_that_ends_in_sigma() {
    let user = object(json!({ "userName": "ΟΔΟΣ", "displayName": "ΟΔΟΣΑ" }));
    for (text, found) in [
        ("userName eq \"ΟΔΟΣ\"", true),
        ("userName eq \"οδος\"", true),
        ("userName eq \"οδοσ\"", false),
        ("userName ew \"Σ\"", true),
        ("userName co \"ΔΟΣ\"", true),
        ("displayName sw \"ΟΔΟΣ\"", true),
        ("displayName co \"οδοσ\"", true),
    ] {
        assert_eq!(parse(text).matches(Kind::User, &user), found, "{text}");
    }
    assert_eq!("ΟΔΟΣ".to_lowercase(), "οδος", "what the store keeps");
}

#[test]
fn every_operator() {
    finds("userName ne \"other\"");
    misses("userName ne \"MARA.lind@contoso.test\"");
    finds("nickName ne \"x\"");
    finds("userName co \"LIND\"");
    finds("userName sw \"mara\"");
    finds("userName ew \".TEST\"");
    misses("userName sw \"lind\"");
    finds("userName gt \"mara\"");
    finds("userName ge \"mara.lind@contoso.test\"");
    finds("userName le \"mara.lind@contoso.test\"");
    misses("userName lt \"mara.lind@contoso.test\"");
    finds("title pr");
    misses("nickName pr");
    misses("roles pr");
    misses("nothing pr");
    finds("nothing eq \"\"");
    misses("nickName co \"\"");
    finds("name.familyName eq \"lind\"");
    finds("name pr and not (name.givenName pr)");
}

#[test]
fn times_are_compared_as_times() {
    finds("meta.lastModified gt \"2026-11-21T09:59:59.5Z\"");
    finds("meta.lastModified lt \"2026-11-21T10:00:00.5Z\"");
    finds("meta.lastModified eq \"2026-11-21T11:00:00+01:00\"");
    misses("meta.lastModified gt \"2026-11-21T10:00:00Z\"");
    finds("meta.lastModified sw \"2026-11-21T10:00:00Z\"");
}

#[test]
fn logic_and_precedence() {
    finds("userName eq \"x\" or userName sw \"mara\" and active eq true");
    misses("(userName eq \"x\" or userName sw \"mara\") and active eq false");
    finds("active eq true or active eq true and active eq false");
    finds("not (userName eq \"x\")");
    finds("NOT(userName eq \"x\") AND Active eq true");
    misses("not (userName pr)");
    finds("title pr AND NOT (nickName pr OR custom lt 3)");
}

#[test]
fn value_paths() {
    finds("emails[type eq \"work\"]");
    finds("emails[type eq \"work\"].value eq \"MARA@contoso.test\"");
    misses("emails[type eq \"work\"].value eq \"mara@home.test\"");
    finds("emails.value eq \"mara@home.test\"");
    finds("emails co \"home.test\"");
    finds("emails[type eq \"work\" and value co \"@contoso\"] and active eq true");
    misses("emails[type eq \"home\" and value co \"@contoso\"]");
    finds("emails[primary eq \"True\"].value sw \"mara\"");
    misses("emails[type eq \"other\"]");
    finds("emails[not (type eq \"work\")].value pr");
}

#[test]
fn extensions_with_and_without_their_urn() {
    finds(&format!("{ENTERPRISE}:department eq \"platform\""));
    finds(&format!("{}:manager.value eq \"5F0C\"", ENTERPRISE.to_uppercase()));
    finds("department eq \"platform\"");
    finds(&format!("{ENTERPRISE} pr"));
    misses("urn:x:2.0:User pr");
    misses("urn:x:2.0:User:department pr");
}

#[test]
fn members_of_a_rendered_group() {
    let group = object(json!({"id": "G", "displayName": "g", "members": [{"value": "U", "type": "User"}]}));
    let matches = |text: &str| parse(text).matches(Kind::Group, &group);
    assert!(matches("id eq \"G\" and members eq \"U\""));
    assert!(matches("members[value eq \"U\"]"));
    assert!(!matches("members eq \"u\""));
    assert!(parse("displayName eq \"g\" and members eq \"U\"").names("members"));
    assert!(!parse("displayName eq \"g\"").names("members"));
}

#[test]
fn candidates_of_what_clients_ask_for() {
    let of = |text: &str, kind: Kind| parse(text).candidates(kind);
    let users = |text: &str| of(text, Kind::User);
    let mail = Some(vec![Lookup::Email("Mara@contoso.test".into())]);
    for text in [
        r#"emails[type eq "work"].value eq "Mara@contoso.test""#,
        r#"emails[type eq "work" and value eq "Mara@contoso.test"]"#,
        r#"emails.value eq "Mara@contoso.test""#,
        r#"EMAILS eq "Mara@contoso.test""#,
        r#"active eq true and emails.value eq "Mara@contoso.test""#,
    ] {
        assert_eq!(users(text), mail, "{text}");
    }
    let name = Lookup::UserName("mara".into());
    assert_eq!(
        users(r#"(userName eq "mara" or externalId eq "7") and active eq true"#),
        Some(vec![name.clone(), Lookup::ExternalId("7".into())])
    );
    assert_eq!(
        users(r#"(userName eq "mara" or externalId eq "7") and userName eq "mara""#),
        Some(vec![name])
    );
    assert_eq!(
        of(r#"displayName eq "x" and members.value eq "7""#, Kind::Group),
        Some(vec![Lookup::DisplayName("x".into())])
    );
    // What would leave somebody out is no lookup.
    for text in [
        r#"userName eq "mara" or active eq true"#,
        r#"not (userName eq "mara")"#,
        r#"emails[type eq "work"].type eq "Mara@contoso.test""#,
        r#"emails[value sw "mara"]"#,
        r#"emails[type eq "home" or value eq "x"]"#,
        r#"emails.value ne "x""#,
        r#"displayName eq "Mara Lind""#,
        r#"meta.lastModified gt "2026-01-01T00:00:00Z""#,
        "active eq false",
        r#"userName sw "mara""#,
    ] {
        assert_eq!(users(text), None, "{text}");
    }
    assert_eq!(of(r#"emails.value eq "x""#, Kind::Group), None);
}

#[test]
fn lookups_that_an_index_can_answer() {
    let lookup = |text: &str| parse(text).as_lookup();
    let owned = str::to_owned;
    assert_eq!(lookup("userName eq \"Mara\""), Some(Lookup::UserName(owned("Mara"))));
    assert_eq!(lookup("USERNAME EQ Mara"), Some(Lookup::UserName(owned("Mara"))));
    assert_eq!(
        lookup("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"m\""),
        Some(Lookup::UserName(owned("m")))
    );
    assert_eq!(lookup("externalId eq jyoung"), Some(Lookup::ExternalId(owned("jyoung"))));
    assert_eq!(lookup("externalId eq 0017"), Some(Lookup::ExternalId(owned("0017"))));
    assert_eq!(lookup("externalId eq 1e3"), Some(Lookup::ExternalId(owned("1e3"))));
    assert_eq!(lookup("displayName eq \"g\""), Some(Lookup::DisplayName(owned("g"))));
    assert_eq!(lookup("(id eq \"G\")"), Some(Lookup::Id(owned("G"))));
    let member = Lookup::IdAndMember { id: owned("G"), member: owned("U") };
    assert_eq!(lookup("id eq \"G\" and members eq \"U\""), Some(member.clone()));
    assert_eq!(lookup("members.value eq \"U\" and id eq \"G\""), Some(member));
    let manager = Lookup::IdAndManager { id: owned("U"), manager: owned("M") };
    assert_eq!(lookup("id eq \"U\" and manager eq \"M\""), Some(manager.clone()));
    assert_eq!(lookup(&format!("id eq \"U\" and {ENTERPRISE}:manager eq \"M\"")), Some(manager));
    assert_eq!(lookup("members eq \"U\""), Some(Lookup::Member(owned("U"))));
    for scan in [
        "userName ne \"x\"",
        "userName sw \"x\"",
        "userName eq null",
        "userName eq \"a\" or userName eq \"b\"",
        "id eq \"a\" and id eq \"b\"",
        "id eq \"a\" and displayName eq \"b\"",
        "userName eq \"a\" and active eq true",
        "not (id eq \"a\")",
        "name.familyName eq \"x\"",
        "urn:x:2.0:User:userName eq \"x\"",
        "urn:x:2.0:User:manager eq \"x\"",
    ] {
        assert_eq!(lookup(scan), None, "{scan}");
    }
}

#[test]
fn malformed_filters_are_refused() {
    for text in [
        "",
        " ",
        "userName",
        "userName eq",
        "userName is \"x\"",
        "eq \"x\"",
        "userName eq \"x",
        "userName eq \"x\\q\"",
        "userName eq \"\\ud800\"",
        "userName eq \"x\" and",
        "userName eq \"x\" userName eq \"y\"",
        "userName eq \"x\" or or title pr",
        "(userName pr",
        "userName pr)",
        "not userName pr",
        "a.b.c pr",
        "1abc pr",
        "emails[type eq \"work\"",
        "emails[type eq \"work\"].",
        "emails[type eq \"work\"].1 pr",
        "emails[]",
        "emails[emails[type pr]]",
        "name.x[type pr]",
        "userName[",
        "active gt true",
        "active co null",
        ".value pr",
        "urn:ietf:params:scim:schemas:core:2.0:User eq \"x\"",
        "urn:ietf:params:scim:schemas:core:2.0:User:1 pr",
    ] {
        let refused = text.parse::<Filter>().unwrap_err();
        assert!(matches!(refused, ScimError::InvalidFilter(_)), "{text}: {refused}");
        assert_eq!((refused.status(), refused.scim_type()), (400, Some("invalidFilter")));
    }
}

#[test]
fn length_and_depth_have_their_limits() {
    let nested = |depth: usize| format!("{}title pr{}", "(".repeat(depth), ")".repeat(depth));
    assert!(nested(MAX_FILTER_DEPTH).parse::<Filter>().is_ok());
    assert!(nested(MAX_FILTER_DEPTH + 1).parse::<Filter>().is_err());
    assert!("not (".repeat(1000).parse::<Filter>().is_err());
    assert!("a[".repeat(1000).parse::<Filter>().is_err());
    let long = |length: usize| format!("title eq \"{}\"", "x".repeat(length - 11));
    assert!(long(MAX_FILTER_LENGTH).parse::<Filter>().is_ok());
    assert!(long(MAX_FILTER_LENGTH + 1).parse::<Filter>().is_err());
    assert!(long(100 * 1024).parse::<Filter>().is_err());
    let chain = vec!["id eq \"0123456789\""; 360].join(" or ");
    assert!(chain.parse::<Filter>().is_ok(), "{} bytes", chain.len());
}
