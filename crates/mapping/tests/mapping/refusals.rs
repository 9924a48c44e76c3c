//! What is refused, by name, and where the caret stands.

use sallyport_mapping::{AttributeMap, Expression, MappingError, Problem, Value};

/// The error of an expression that does not parse, or does not evaluate.
pub(crate) fn refusal(text: &str) -> MappingError {
    let attributes = AttributeMap::from_iter([
        ("list", Value::List(vec!["a".to_owned(), "b".to_owned()])),
        ("text", Value::from("text")),
        ("many", Value::from("a".repeat(40) + "!")),
    ]);
    let result = Expression::parse(text).and_then(|expression| expression.evaluate(&attributes));
    result.expect_err(text)
}

pub(crate) fn problem(text: &str) -> Problem {
    refusal(text).problem().clone()
}

/// An expression, the character (counted from 1) where it goes wrong, and what the error says.
const REFUSED: &[(&str, usize, &str)] = &[
    ("", 1, "no expression"),
    ("  \n ", 1, "no expression"),
    ("Foo([a])", 1, "no function Foo"),
    ("tolower([a])", 1, "did you mean ToLower"),
    ("ToLower(Lefft([a], 1))", 9, "did you mean Left"),
    ("ToLower([a]", 1, "no closing parenthesis"),
    ("ToLower([a)", 9, "no closing bracket"),
    ("ToLower(\"a)", 9, "no closing quotation mark"),
    ("ToLower([])", 9, "has a name"),
    ("ToLower([a]))", 13, "complete before this"),
    ("[a] [b]", 5, "complete before this"),
    ("[a] = [b]", 5, "comparisons stand only"),
    ("Join(\",\", [a] = [b])", 15, "comparisons stand only"),
    ("IIF([a]=[b]=[c],1,2)", 12, "comparisons stand only"),
    ("ToLower([a] [b])", 13, "after `[a]`"),
    ("ToLower(“a”)", 9, "typographic quotation mark"),
    ("ToLower(a)", 9, "quote texts"),
    ("ToLower(1.5)", 9, "a number is whole"),
    ("ToLower(99999999999999999999)", 9, "a number is whole"),
    ("BitAnd(&HXY, 1)", 8, "a number is whole"),
    ("ToLower(;)", 9, "means nothing here"),
    ("Left([a])", 1, "Left takes 2 arguments, not 1"),
    ("Now([a])", 1, "Now takes no argument"),
    ("Left(, 3)", 1, "Left needs its argument 1"),
    ("Switch([a], \"d\", \"k\")", 1, "at least 4 arguments"),
    ("Switch([a], \"d\", \"k\", \"v\", \"k\")", 28, "a value is missing"),
    ("Switch([a], \"d\", , \"v\")", 1, "Switch needs its argument 3"),
    ("ToLower(SelectUniqueValue([a],[b]))", 9, "stands outermost"),
    ("ToLower(vbTextCompare)", 9, "last argument of InStr"),
    ("vbTextCompare", 1, "last argument of InStr"),
    ("InStr(\"a\", \"b\", 1, \"vbTextCompare\")", 20, "last argument of InStr"),
    ("ToLower(\"a\", \"xx-YY\")", 14, "no language"),
    ("ToLower([list])", 9, "wants one value here, and got a list"),
    ("Left(\"a\", \"b\")", 11, "wants a whole number"),
    ("Left(\"a\", [absent])", 11, "wants a whole number"),
    ("Left(\"😀\", 1)", 6, "cut a character in two"),
    ("Mid(\"abc\", 0, 1)", 12, "counts from 1"),
    ("Mid(\"abc\", 1, -1)", 15, "not negative"),
    ("InStr(\"abc\", \"a\", 0)", 19, "counts from 1"),
    ("Item([list], 0)", 14, "has 2 items, and item 0"),
    ("Item([list], 3)", 14, "has 2 items, and item 3"),
    ("CBool(\"perhaps\")", 7, "wants True or False"),
    ("CBool(\"a\" < \"B\")", 7, "depends on the language"),
    ("CDate(\"tomorrow\")", 7, "is no date"),
    ("CDate(\"2023-02-29\")", 7, "is no date"),
    ("DateAdd(\"q\", 1, \"2023-01-01\")", 9, "no interval"),
    ("DateAdd(\"yyyy\", 9000, \"2023-01-01\")", 17, "years 1 to 9999"),
    ("NumFromDate(\"1600-12-31\")", 13, "years 1 to 9999"),
    ("FormatDateTime(\"1/2/2020\", , \"d\", \"yyyy\")", 30, "depends on a language"),
    ("FormatDateTime(\"05-06\", , \"MM-dd\", \"yyyy\")", 16, "has no year"),
    ("FormatDateTime(\"40-06\", , \"yy-MM\", \"yyyy\")", 16, "version of Entra's server"),
    ("FormatDateTime(\"2020\", , \"yyyyMM\", \"yyyy\")", 16, "does not have the format"),
    ("FormatDateTime(\"2020\", \"AssumeLocal\", \"yyyy\", \"yyyy\")", 24, "AssumeLocal is not supported"),
    ("SingleAppRoleAssignment([list])", 25, "several roles"),
    ("Now()", 1, "needs a clock"),
    ("Guid()", 1, "needs a source of random bytes"),
    ("SelectUniqueValue([text], [list])", 1, "needs the values that others have"),
];

/// Regular expressions that .NET reads and this crate does not, or that neither does.
const PATTERNS: &[(&str, &str)] = &[
    ("[a-z-[aeiou]]", "takes a set of characters from another"),
    ("(?<o-c>a)", "balancing group"),
    ("(?<-o>a)", "balancing group"),
    ("(a)?(?(1)b|c)", "conditional group"),
    ("(a*)*b", "may be empty"),
    ("(a+)+b", "catastrophic"),
    ("((?:a+b?))*", "catastrophic"),
    ("a++", "follows another"),
    ("a**", "follows another"),
    ("*a", "follows nothing"),
    ("^*a", "takes no text"),
    ("(a", "is not closed"),
    ("a)", "closing parenthesis too many"),
    ("[a", "is not closed"),
    ("[z-a]", "ends before it begins"),
    ("[a-\\w]", "ends with a class"),
    ("[[:alpha:]]", "POSIX class"),
    ("a{2,1}", "ends before it begins"),
    ("a{1001}", "counts too far"),
    ("\\2(a)", "not there"),
    ("\\1(a)", "not complete before"),
    ("(?<=(a))\\1", "hidden in a look-around"),
    ("(?i)ä", "not ASCII"),
    ("(?i)[à-ÿ]", "not ASCII"),
    ("(?P<n>a)", "(?<name>…)"),
    ("(?<1>a)", "number for a name"),
    ("(?<n>a)(?<n>b)", "two of its groups"),
    ("\\p{Greek}", "not known here"),
    ("\\y", "means nothing"),
    ("\\12", "several digits"),
    ("\\012", "octal"),
    ("\\Ga", "\\G"),
    ("a\\", "ends with a backslash"),
    ("(?q)a", "does not know"),
    ("(?<=(?>a))b", "look-behind"),
    ("\\w{900}\\w{900}\\w{900}", "too large"),
];

#[test]
fn what_is_wrong_is_refused_where_it_stands() {
    for (text, column, says) in REFUSED {
        let error = refusal(text);
        assert!(error.to_string().contains(says), "{text}: {error}");
        assert_eq!(error.place().column, *column, "{text}: {error}");
    }
}

#[test]
fn patterns_that_engines_read_differently_are_refused() {
    for (pattern, says) in PATTERNS {
        let text = format!("Replace([text], , \"{}\", , \"\")", pattern.replace('\\', "\\\\"));
        let error = refusal(&text);
        assert!(matches!(error.problem(), Problem::Pattern(_)), "{pattern}: {error}");
        assert!(error.to_string().contains(says), "{pattern}: {error}");
        assert_eq!(error.place().column, 19, "{pattern}: {error}");
    }
}

#[test]
fn a_catastrophic_pattern_is_given_up() {
    // Nothing in its shape tells: alternatives that overlap, tried backwards in every way.
    for pattern in ["^(a|aa)+\\1x", "(.*)(.*)(.*)(.*)(.*)\\1x$"] {
        let text = format!("Replace([many], , \"{}\", , \"\")", pattern.replace('\\', "\\\\"));
        assert_eq!(problem(&text), Problem::Catastrophic, "{pattern}");
    }
}

#[test]
fn groups_that_are_not_there_are_refused() {
    assert!(matches!(problem("Replace([text], , \"(?<a>t)\", \"b\", \"\")"), Problem::UnknownGroup(_)));
    assert!(matches!(problem("Replace([text], , \"(?<a>t)\", \"1\", \"\")"), Problem::UnknownGroup(_)));
    assert!(matches!(
        problem("Replace([text], , \"(?<=(?<a>t))e\", \"a\", \"\")"),
        Problem::UnreachableGroup(_)
    ));
    assert!(matches!(problem("Replace([text], , \"(?<=(t))e\", , \"$1\")"), Problem::UnreachableGroup(_)));
    assert!(matches!(problem("Replace([text], , [text], \"b\", \"\")"), Problem::UnknownGroup(_)));
}

#[test]
fn case_that_depends_on_the_server_is_refused() {
    let attributes = AttributeMap::from_iter([("kelvin", "\u{212A}")]);
    let expression = Expression::parse("Replace([kelvin], , \"(?i)k\", , \"\")").expect("it parses");
    let error = expression.evaluate(&attributes).expect_err("a Kelvin sign");
    assert_eq!(*error.problem(), Problem::CaseDependsOnServer('\u{212A}'));
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_begin() {
    for (bytes, place, caret) in [
        (&b"\xff"[..], 1, "\u{fffd}\n^"),
        (b"ToLower([a\xe4])", 11, "ToLower([a\u{fffd}])\n          ^"),
        ("é\u{1f600}".as_bytes().split_last().expect("a byte").1, 2, "é\u{fffd}\n ^"),
    ] {
        let error = Expression::parse_bytes(bytes).expect_err("no text");
        assert_eq!(*error.problem(), Problem::NotText);
        assert_eq!((error.place().column, error.caret().as_str()), (place, caret), "{error}");
    }
    let text = "ToLower([a])";
    assert_eq!(Expression::parse_bytes(text.as_bytes()), Expression::parse(text));
}

#[test]
fn a_caret_stands_under_the_place() {
    let error = refusal("ToLower(\n\tFoo([a]), )");
    assert_eq!(error.to_string(), "at line 2, character 2: there is no function Foo");
    assert_eq!(error.caret(), " Foo([a]), )\n ^");
    let long = format!("Join(\"\", {} Foo())", "[a], ".repeat(50));
    let caret = refusal(&long).caret();
    let (line, mark) = caret.split_once('\n').expect("two lines");
    assert!(line.len() <= 121, "{line}");
    assert_eq!(line.find("Foo"), mark.find('^'));
    assert!(!refusal("\u{1b}[31m").caret().contains('\u{1b}'), "no escape reaches a terminal");
    // What a browser copies along cannot be seen.
    for (hidden, number) in [('\u{feff}', "U+FEFF"), ('\u{200b}', "U+200B"), ('\u{202e}', "U+202E")] {
        let error = refusal(&format!("{hidden}ToLower([a])"));
        assert_eq!(error.to_string(), format!("at character 1: `{number}` means nothing here"));
        assert_eq!(error.caret(), " ToLower([a])\n^");
    }
}
