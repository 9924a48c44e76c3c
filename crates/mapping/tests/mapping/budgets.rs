//! What nobody may exceed, whatever they write.

use sallyport_mapping::{AttributeMap, Expression, Problem, Value, limits};

fn evaluate(text: &str, value: &str) -> Result<Value, Problem> {
    let attributes = AttributeMap::from_iter([("a", value)]);
    let result = Expression::parse(text).and_then(|expression| expression.evaluate(&attributes));
    result.map_err(|error| error.problem().clone())
}

fn nested(depth: usize) -> String {
    format!("{}[a]{}", "Left(".repeat(depth), ", 9)".repeat(depth))
}

#[test]
fn an_expression_has_ten_thousand_characters() {
    let padded = |length: usize| format!("[a]{}", " ".repeat(length - 3));
    assert!(evaluate(&padded(10_000), "x").is_ok());
    assert_eq!(evaluate(&padded(10_001), "x"), Err(Problem::ExpressionTooLong));
    let wide = format!("\"{}\"", "é".repeat(9_998));
    assert!(evaluate(&wide, "x").is_ok(), "characters are counted, not bytes");
}

#[test]
fn nesting_ends_before_the_stack_does() {
    assert_eq!(evaluate(&nested(limits::NESTING), "x"), Ok(Value::from("x")));
    assert_eq!(evaluate(&nested(limits::NESTING + 1), "x"), Err(Problem::TooDeep));
    assert_eq!(evaluate(&"Left(".repeat(2_000), "x"), Err(Problem::TooDeep));
    let groups =
        |depth: usize| format!("Replace([a], , \"{}x{}\", , \"\")", "(".repeat(depth), ")".repeat(depth));
    assert!(evaluate(&groups(limits::GROUP_NESTING), "x").is_ok());
    assert!(matches!(evaluate(&groups(900), "x"), Err(Problem::Pattern(_))));
}

#[test]
fn texts_stay_within_sixty_four_kibibytes() {
    let longest = "a".repeat(limits::TEXT_BYTES);
    assert!(evaluate("[a]", &longest).is_ok());
    assert_eq!(evaluate("[a]", &(longest.clone() + "a")), Err(Problem::TextTooLong));
    for growing in [
        "Append([a], \"b\")",
        "Join(\"\", [a], [a])",
        "Replace([a], \"a\", , , \"bb\")",
        "Replace(\"x\", \"x\", , , [a], , ) ",
        "Replace([a], \"a\", , , , , \"aa\")",
        "ConvertToBase64([a])",
        "ConvertToUTF8Hex([a])",
        "NormalizeDiacritics(Replace([a], \"a\", , , \"æ\"))",
    ] {
        let result = evaluate(growing, &longest);
        let fits = growing.starts_with("Replace(\"x\"");
        assert_eq!(result.is_ok(), fits, "{growing}");
        assert!(fits || result == Err(Problem::TextTooLong), "{growing}");
    }
}

#[test]
fn lists_stay_within_their_items() {
    assert_eq!(evaluate("Split([a], \",\")", &",".repeat(5_000)), Err(Problem::ListTooLong));
    assert_eq!(evaluate("Count(Split([a], \",\"))", &",".repeat(4_095)), Ok(Value::Number(4_096)));
}

#[test]
fn the_work_of_one_evaluation_ends() {
    let many = format!("Coalesce({}\"x\")", "IgnoreFlowIfNullOrEmpty(Left(ToLower([a]), 0)), ".repeat(150));
    assert_eq!(evaluate(&many, &"a".repeat(60_000)), Err(Problem::TooMuchWork));
    assert_eq!(evaluate(&many, "a"), Ok(Value::from("x")));
}

#[test]
fn a_value_is_evaluated_once_however_deep() {
    // Were Switch to look at its source twice, this would double at every level.
    let deep = format!("{}[a]{}", "Switch(".repeat(90), ", \"d\", \"d\", \"e\")".repeat(90));
    assert_eq!(evaluate(&deep, "x"), Ok(Value::from("e")));
}

#[test]
fn regular_expressions_are_few_and_short_and_tried_on_short_texts() {
    let long = |length: usize| format!("Replace([a], , \"{}\", , \"\")", "a".repeat(length));
    assert!(evaluate(&long(limits::PATTERN_BYTES), "x").is_ok());
    assert!(matches!(evaluate(&long(limits::PATTERN_BYTES + 1), "x"), Err(Problem::Pattern(_))));
    let one = "Replace([a], , \"b\", , \"\")";
    assert!(evaluate(one, &"a".repeat(limits::SUBJECT_BYTES)).is_ok());
    assert_eq!(evaluate(one, &"a".repeat(limits::SUBJECT_BYTES + 1)), Err(Problem::SubjectTooLong));
    let many = format!("Join(\"\", {})", vec![one; limits::PATTERNS + 1].join(", "));
    assert_eq!(evaluate(&many, "x"), Err(Problem::TooManyPatterns));
    let read = many.replace("\"b\"", "[a]");
    assert_eq!(
        evaluate(&read, "x"),
        Err(Problem::TooManyPatterns),
        "compiled while evaluating, they count too"
    );
}

#[test]
fn searches_are_counted_over_the_whole_evaluation() {
    let one = "Replace([a], , \"b*\", , \"\")";
    let many = format!("Join(\"\", {})", [one; 9].join(", "));
    assert_eq!(evaluate(&many, &"a".repeat(1_000)), Err(Problem::TooManySearches));
    assert!(evaluate(&many, &"a".repeat(100)).is_ok());
}
