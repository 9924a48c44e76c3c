//! Functions that need more than attributes.

use jiff::Timestamp;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use sallyport_mapping::{AttributeMap, Expression, MappingError, Problem, Value, World};

fn evaluate(text: &str, seed: u64, taken: &dyn Fn(&str) -> bool) -> Result<Value, MappingError> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let now = Timestamp::from_second(1_625_240_018).ok();
    let mut world = World { now, random: Some(&mut random), taken: Some(taken) };
    let attributes = AttributeMap::from_iter([("first", "John"), ("last", "Smith")]);
    Expression::parse(text)?.evaluate_in(&attributes, &mut world)
}

fn text(text: &str, seed: u64) -> String {
    evaluate(text, seed, &|_| false).expect(text).text().expect(text)
}

#[test]
fn now_is_the_callers() {
    assert_eq!(text("Now()", 0), "7/2/2021 3:33:38 PM");
    assert_eq!(text("DateDiff(\"d\", Now(), \"2021-07-12\")", 0), "9");
}

#[test]
fn a_guid_is_random_and_well_formed() {
    let guid = text("Guid()", 1);
    assert_ne!(guid, text("Guid()", 2));
    assert_eq!(guid, text("Guid()", 1), "the same random bytes give the same");
    let parts: Vec<usize> = guid.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12]);
    assert_eq!(guid.as_bytes()[14], b'4');
    assert!(matches!(guid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
}

#[test]
fn a_random_string_has_its_parts() {
    for seed in 0..50 {
        let made = text("RandomString(10,2,2,2,1,\"?,\")", seed);
        let count = |kind: fn(&char) -> bool| made.chars().filter(kind).count();
        assert_eq!(made.chars().count(), 10);
        assert!(count(char::is_ascii_digit) >= 2, "{made}");
        assert!(count(char::is_ascii_punctuation) >= 2, "{made}");
        assert!(count(char::is_ascii_uppercase) >= 2, "{made}");
        assert!(count(char::is_ascii_lowercase) >= 1, "{made}");
        assert!(!made.contains(['?', ',']), "{made}");
        let plain = text("RandomString(6,3,0,0,3)", seed);
        assert!(plain.chars().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase()), "{plain}");
    }
    for impossible in
        ["RandomString(257,0,0,0,0)", "RandomString(3,2,2,0,0)", "RandomString(3,1,0,0,0,\"0123456789\")"]
    {
        let error = evaluate(impossible, 0, &|_| false).expect_err(impossible);
        assert!(matches!(error.problem(), Problem::RandomString(_)), "{error}");
    }
}

#[test]
fn the_first_value_that_nobody_has_is_chosen() {
    let rules =
        "SelectUniqueValue(Join(\".\", [first], [last]), Join(\".\", Mid([first], 1, 1), [last]), [absent])";
    let chosen = |taken: &[&str]| evaluate(rules, 0, &|value| taken.contains(&value));
    assert_eq!(chosen(&[]), Ok(Value::from("John.Smith")));
    assert_eq!(chosen(&["John.Smith"]), Ok(Value::from("J.Smith")));
    let none = chosen(&["John.Smith", "J.Smith"]).expect_err("all are taken");
    assert_eq!(*none.problem(), Problem::AllTaken);
}
