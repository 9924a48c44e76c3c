//! `sallyport-ca names eval`: a value on stdout, or an error with its place and exit 1. It needs no CA.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use anyhow::{Context as _, Result};
use sallyport_tests::bin;
use sallyport_tests::command::{self, Outcome};
use serde_json::{Value, json};

fn eval(arguments: &[&str]) -> Result<Outcome> {
    command::run(command::limited(bin("sallyport-ca")?).args(["names", "eval"]).args(arguments))
}

#[test]
fn the_quickstarts_expressions_work_as_pasted() -> Result<()> {
    let cases = [
        (r#"ToLower(Replace([userPrincipalName], , "(?<Suffix>@(.)*)", "Suffix", "", , ), )"#, "alice.smith"),
        (
            r#"ToLower(Replace(Replace([userPrincipalName], , "(?<Suffix>@(.)*)", "Suffix", "", , ), ".", , ,"", , ))"#,
            "alicesmith",
        ),
        (
            r#"ToLower(Replace(Replace([userPrincipalName], , "(?<=^.{1}).\w+.\.", "", "", , ), , "(@(.)*)","","" , ,))"#,
            "asmith",
        ),
    ];
    for (expression, name) in cases {
        let upn = "userPrincipalName=Alice.Smith@contoso.test";
        assert_eq!(eval(&[expression, "--attr", upn])?.ok()?, name);
    }
    Ok(())
}

#[test]
fn values_are_printed_as_scripts_read_them() -> Result<()> {
    let list = eval(&[r#"Split([a], ",")"#, "--attr", "a=x, y"])?.ok()?;
    assert_eq!(list, r#"["x","y"]"#);
    assert_eq!(eval(&["Item([a], 2)", "--attr", "a=x", "--attr", "a=y"])?.ok()?, "y");
    assert_eq!(eval(&["Item([a], 2)", "--attr", r#"a=["x","y"]"#])?.ok()?, "y");
    let deleted = r#"Switch([IsSoftDeleted], , "False", "True", "True", "False")"#;
    assert_eq!(eval(&[deleted, "--attr", "IsSoftDeleted=false"])?.ok()?, "True");
    let nothing = eval(&["[absent]"])?;
    assert!(nothing.success() && nothing.stdout.is_empty(), "{nothing}");
    assert_eq!(eval(&["[absent]", "--format", "json"])?.ok()?, "null");
    assert_eq!(eval(&["Guid()"])?.ok()?.len(), 36);
    Ok(())
}

#[test]
fn an_error_has_its_place_and_a_caret() -> Result<()> {
    let unknown = eval(&["ToLower(Fooo([a]), )"])?;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(unknown.stdout.is_empty());
    let expected = "error: at character 9: there is no function Fooo\n  ToLower(Fooo([a]), )\n          ^\n";
    assert_eq!(unknown.stderr, expected);
    let bytes = OsStr::from_bytes(b"ToLower([\xffa])");
    let no_text = command::run(command::limited(bin("sallyport-ca")?).args(["names", "eval"]).arg(bytes))?;
    assert_eq!(no_text.status.code(), Some(1));
    assert!(no_text.stderr.contains("at character 10: an expression is UTF-8 text"), "{no_text}");
    let late = eval(&["Item([a], 3)", "--attr", "a=x"])?.refused()?;
    assert!(late.contains("at character 11: the list has 1 items, and item 3 is asked for"), "{late}");
    let catastrophic =
        eval(&[r#"Replace([a], , "(a+)+$", , "")"#, "--attr", "a=aaaaaaaaaaaaaaaaaaaaaaaaaaaa!"])?;
    assert!(catastrophic.refused()?.contains("catastrophic"));
    Ok(())
}

#[test]
fn what_iif_may_not_ask_is_told_and_decides_no_name() -> Result<()> {
    let expression = r"IIF(IsPresent([mail]), [mail], [userPrincipalName])";
    let tried = eval(&[expression, "--attr", "mail=m"])?;
    assert_eq!(tried.stdout.trim(), "m");
    assert!(tried.stderr.contains("warning: at character 5:") && tried.stderr.contains("Switch("), "{tried}");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("people.csv");
    std::fs::write(&file, "userPrincipalName,mail\na@x.test,m\n")?;
    let mut preview = command::limited(bin("sallyport-ca")?);
    preview
        .current_dir(folder.path())
        .args(["names", "preview", "--expression", expression, "--csv"])
        .arg(&file);
    let refused = command::run(&mut preview)?.refused()?;
    assert!(refused.contains("at character 5"), "{refused}");
    Ok(())
}

/// One person, as three sources have them.
fn sources() -> [(&'static str, Value); 3] {
    [
        (
            "--scim",
            json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "externalId": "o1",
                "userName": "Mara.Lind@contoso.test", "name": { "givenName": "Mara", "familyName": "Lind" },
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "employeeNumber": "7" } }),
        ),
        (
            "--graph",
            json!({ "id": "o1", "userPrincipalName": "Mara.Lind@contoso.test", "givenName": "Mara",
                "surname": "Lind", "employeeId": "7",
                "onPremisesExtensionAttributes": { "extensionAttribute1": "ml" } }),
        ),
        (
            "--claims",
            json!({ "iss": "https://issuer.test", "oid": "o1", "tid": "t1", "preferred_username":
                "Mara.Lind@contoso.test", "given_name": "Mara", "family_name": "Lind" }),
        ),
    ]
}

#[test]
fn an_expression_reads_scim_graph_and_claims_alike() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (option, person) in sources() {
        let file = folder.path().join("person.json");
        std::fs::write(&file, person.to_string())?;
        let file = file.to_str().context("no text")?;
        for (expression, wanted) in [
            (
                r#"ToLower(Replace([userPrincipalName], , "(?<Suffix>@(.)*)", "Suffix", "", , ), )"#,
                "mara.lind",
            ),
            (r#"ToLower(Join("", Left([givenName], 1), [surname]))"#, "mlind"),
            ("[objectId]", "o1"),
        ] {
            assert_eq!(eval(&[expression, option, file])?.ok()?, wanted, "{option}");
        }
    }
    let refused = eval(&["[mail]", "--graph", "/nowhere"])?.refused()?;
    assert!(refused.contains("/nowhere"), "{refused}");
    Ok(())
}

#[test]
fn pages_of_graph_are_previewed_where_there_is_no_ca() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("users.json");
    let page =
        |people: Value| json!({ "@odata.context": "c", "@odata.nextLink": "n", "value": people }).to_string();
    let [_, (_, mara), (_, claims)] = sources();
    let pages = [
        page(json!([mara, { "id": "o2", "userPrincipalName": "root@contoso.test" }])),
        page(json!([{ "id": "o3", "userPrincipalName": "mara.lind@fabrikam.test" }])),
        claims.to_string(),
    ];
    std::fs::write(&file, pages.join("\n"))?;
    let mut command = command::limited(bin("sallyport-ca")?);
    command.current_dir(folder.path()).args(["names", "preview", "--format", "json", "--json"]).arg(&file);
    let preview: Value = serde_json::from_str(&command::run(&mut command)?.ok()?)?;
    let summary = &preview["summary"];
    assert_eq!(
        (&summary["people"], &summary["named"], &summary["collisions"]),
        (&json!(4), &json!(1), &json!(1))
    );
    let people = preview["people"].as_array().context("no people")?;
    let shown: Vec<Value> = people
        .iter()
        .map(|person| json!([person["subject"], person["proposed"], person["problem"]["code"]]))
        .collect();
    assert_eq!(
        json!(shown),
        json!([
            ["o1", "mara.lind", null],
            ["o2", null, "name_reserved"],
            ["o3", "mara.lind", "name_taken"],
            ["o1", "mara.lind", "row_twice"],
        ])
    );
    // No more of a person than what counts.
    assert_eq!(people[0]["attributes"], json!({ "userPrincipalName": "Mara.Lind@contoso.test" }));
    assert_eq!(people[3]["problem"]["with"], json!(["entry 1"]));
    Ok(())
}
