//! How much memory an expression takes, by counting every allocation: a program of its own, so that nobody else's
//! are counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use sallyport_mapping::{AttributeMap, Expression, limits};

/// The system's allocator, and how much of it is used.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "an allocator is unsafe to write; this one hands everything through")]
// SAFETY: every call goes to `System` with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(used, Ordering::Relaxed);
        // SAFETY: the caller's promises are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are those of `System`, where `place` is from.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that were in use at once for this, beside what was before.
fn most<T>(work: impl FnOnce() -> T) -> usize {
    let before = USED.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    drop(work());
    MOST.load(Ordering::Relaxed) - before
}

fn evaluating(text: &str, value: &str) -> usize {
    let expression = Expression::parse(text).expect(text);
    let attributes = AttributeMap::from_iter([("a", value)]);
    // Once before: regular expressions keep what their first search needed.
    drop(expression.evaluate(&attributes));
    most(|| expression.evaluate(&attributes))
}

/// A call in a call in a call.
fn nested(opening: &str, closing: &str, depth: usize) -> String {
    format!("{}[a]{}", opening.repeat(depth), closing.repeat(depth))
}

/// Ten times the text, at most ten times the memory: never more than a few copies of it for each call around it.
fn an_evaluation_takes_memory_in_proportion_to_its_text() {
    let expressions = [
        "ToLower([a])".to_owned(),
        "NormalizeDiacritics(PCase([a]))".to_owned(),
        "Join(\"-\", Split([a], \"a\"), RemoveDuplicates(Split([a], \"b\")))".to_owned(),
        "ConvertToBase64(ConvertToUTF8Hex([a]))".to_owned(),
        "InStr([a], \"zz\", 1, vbTextCompare)".to_owned(),
        "Replace([a], \"a\", , , \"bb\")".to_owned(),
        "Word([a], 2, \"b\")".to_owned(),
        "IIF([a]=\"x\", \"y\", Append([a], [a]))".to_owned(),
        nested("ToUpper(", ")", 60),
        nested("Append(", ", \"x\")", 60),
        nested("Coalesce(", ", [a])", 90),
    ];
    for text in expressions {
        let of = |length: usize| evaluating(&text, &"ab".repeat(length / 2));
        let (few, many) = (of(700), of(7_000));
        assert!(many <= 10 * few + 4_096, "{text}: {few} bytes, then {many}");
        assert!(many <= 32 * 7_000 + 16_384, "{text}: {many}");
    }
    for text in ["Replace([a], , \"[^b]\", , \"c$&\")", "Replace([a], , \"(?<x>a)b\", \"x\", \"yy\")"] {
        let of = |length: usize| evaluating(text, &"ab".repeat(length / 2));
        let (few, many) = (of(100), of(1_000));
        assert!(many <= 10 * few + 4_096, "{text}: {few} bytes, then {many}");
    }
}

/// Texts of the largest size, in the largest expressions: all together stay within what one evaluation may make.
fn the_hungriest_evaluations_stay_within_their_budget() {
    let longest = "ab".repeat(limits::TEXT_BYTES / 2);
    let wide = |item: &str, most: usize| format!("Join(\"\", {})", vec![item; most].join(", "));
    for text in [
        nested("ToUpper(", ")", limits::NESTING),
        nested("Coalesce(IgnoreFlowIfNullOrEmpty(", "), ToLower([a]))", limits::NESTING / 2),
        wide("ToLower([a])", 700),
        wide("Split([a], \"a\")", 500),
        nested("Replace([a], \"a\", , , ", ")", limits::NESTING),
        nested("Join(\"\", [a], ", ")", limits::NESTING),
    ] {
        let most = evaluating(&text, &longest);
        assert!(most <= 2 * limits::WORK_BYTES, "{most} bytes for {text}");
    }
}

/// Ten thousand characters, whatever they say.
fn parsing_takes_memory_in_proportion_to_the_text() {
    let fill = |part: &str| part.repeat(limits::EXPRESSION_CHARS / part.chars().count());
    for text in [
        fill("("),
        fill("["),
        fill("\""),
        fill("Left("),
        fill("1,"),
        fill("\\"),
        fill("\u{1f600}"),
        format!("Join({}[a])", fill("[a], ").split_at(9_900).0),
        format!("Join(\"\", {}[a])", ", ".repeat(4_900)),
        format!("ToLower(\"{}\")", "é".repeat(9_900)),
        nested("Append(", ", \"x\")", limits::NESTING),
    ] {
        let most = most(|| Expression::parse(&text));
        assert!(most <= 600 * limits::EXPRESSION_CHARS, "{most} bytes for {}…", &text[..4.min(text.len())]);
    }
    // Regular expressions are compiled: each has a budget of its own, and there are few. About the largest that are taken:
    for (part, times) in
        [("\\w", 36), ("[a-z]", 1_000), ("(a|b|c)", 1_000), ("(?<=\\w)x", 1_000), ("(a)\\1", 1_000)]
    {
        let of = |patterns: usize| {
            let pattern = format!("Replace([a], , \"(?:{part}){{{times}}}\", , \"\")");
            let text = format!("Join(\"\", {})", vec![pattern; patterns].join(", "));
            most(|| Expression::parse(&text).expect(part))
        };
        let (one, eight) = (of(1), of(8));
        assert!(one <= 4 * limits::COMPILED_BYTES, "{one} bytes for {part}");
        assert!(eight <= 8 * one + 65_536, "{one} bytes for {part}, then {eight}");
    }
}

/// One after the other: what is counted is everybody's.
#[test]
fn memory_is_bounded() {
    an_evaluation_takes_memory_in_proportion_to_its_text();
    the_hungriest_evaluations_stay_within_their_budget();
    parsing_takes_memory_in_proportion_to_the_text();
}
