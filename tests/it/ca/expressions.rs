//! `sallyport-ca names eval`: a value on stdout, or an error with its place and exit 1. It needs no CA.

use anyhow::Result;
use sallyport_tests::bin;
use sallyport_tests::command::{self, Outcome};

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
    let late = eval(&["Item([a], 3)", "--attr", "a=x"])?.refused()?;
    assert!(late.contains("at character 11: the list has 1 items, and item 3 is asked for"), "{late}");
    let catastrophic =
        eval(&[r#"Replace([a], , "(a+)+$", , "")"#, "--attr", "a=aaaaaaaaaaaaaaaaaaaaaaaaaaaa!"])?;
    assert!(catastrophic.refused()?.contains("catastrophic"));
    Ok(())
}
