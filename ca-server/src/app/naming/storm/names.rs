//! What people are called in directories, well and badly.

use rand::Rng;
use rand::seq::SliceRandom;

const FIRST: [&str; 24] = [
    "mara",
    "otto",
    "ida",
    "noor",
    "jens",
    "lea",
    "aldo",
    "rosa",
    "tomas",
    "yusuf",
    "wei",
    "kim",
    "eva",
    "sven",
    "priya",
    "paul",
    "olga",
    "ines",
    "hugo",
    "zoë",
    "zoe\u{308}",
    "İpek",
    "\u{212a}im",
    "мара",
];
const LAST: [&str; 28] = [
    "lind",
    "berg",
    "okafor",
    "nowak",
    "silva",
    "tanaka",
    "haas",
    "moreau",
    "ricci",
    "novak",
    "adeyemi",
    "khan",
    "larsen",
    "petrov",
    "fischer",
    "o'neil",
    "van.dyk",
    "smith-jones",
    "ubuntu",
    "müller",
    "mu\u{308}ller",
    "groß",
    "łącki",
    "li",
    "x",
    "ｄａｈｌ",
    "wolfeschlegelsteinhausenbergerdorff",
    "eriksen",
];

/// Expressions that an administrator may put in force, one after the other.
pub(super) const EXPRESSIONS: [&str; 5] = [
    r#"ToLower(Replace(Replace([userPrincipalName], , "(?<Suffix>@(.)*)", "Suffix", "", , ), ".", , ,"", , ))"#,
    r#"ToLower(Replace(Replace([userPrincipalName], , "(?<=^.{1}).\w+.\.", "", "", , ), , "(@(.)*)","","" , ,))"#,
    r#"NormalizeDiacritics(ToLower(Replace([userPrincipalName], , "(?<Suffix>@(.)*)", "Suffix", "", , ), ))"#,
    "ToLower(Left(NormalizeDiacritics([userPrincipalName]), 6), )",
    r#"ToLower(Replace([userPrincipalName], , "(?<Suffix>@(.)*)", "Suffix", "", , ), )"#,
];

/// A UPN, among as many as `spread` says. One in four has a domain that all tenants use, so that equal UPNs are
/// different people's.
pub(super) fn upn(rng: &mut impl Rng, tenant: usize, spread: usize) -> String {
    let first = FIRST.choose(rng).unwrap();
    let last = LAST.choose(rng).unwrap();
    let local = match rng.gen_range(0..14) {
        0 => (*last).to_owned(),
        1 => format!("{first}..{last}"),
        2 => format!("{}.{}", first.to_uppercase(), last),
        3 => format!("{first}.{last}"),
        4 => format!("{first}{last}"),
        _ => format!("{first}.{last}{}", rng.gen_range(0..spread)),
    };
    if rng.gen_bool(0.25) { format!("{local}@shared.test") } else { format!("{local}@tenant{tenant}.test") }
}

/// A name that somebody types, or that a host has: mostly such a one as somebody has or wants.
pub(super) fn typed(rng: &mut impl Rng) -> String {
    let first = FIRST[rng.gen_range(0..19)];
    match rng.gen_range(0..6) {
        0 => format!("{first}.{}{}", LAST[rng.gen_range(0..15)], rng.gen_range(0..400)),
        1 => format!("{first}.{}", LAST[rng.gen_range(0..15)]),
        2 => LAST.choose(rng).map(ToString::to_string).unwrap_or_default(),
        _ => format!("{first}{}", rng.gen_range(0..90)),
    }
}

/// A `uidNumber` or `gidNumber`: seldom any; then clashing, handed out, foreign or impossible.
pub(super) fn number(rng: &mut impl Rng) -> Option<i64> {
    match rng.gen_range(0..40) {
        0..=2 => Some(rng.gen_range(200_000..200_400)),
        3 => Some(rng.gen_range(70_000..70_100)),
        4 => Some(rng.gen_range(100_000..100_600)),
        5 => [0, -1, 999, 65_534, i64::from(u32::MAX), 1 << 40].choose(rng).copied(),
        _ => None,
    }
}
