//! The names of months and days in the invariant culture, which is English.

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// From Sunday on.
pub(super) const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The first three letters.
pub(super) fn short(name: &str) -> &str {
    &name[..3]
}

/// The name at a place that is counted from `first`.
pub(super) fn at(names: &'static [&'static str], first: i8, place: i8) -> &'static str {
    let index = usize::try_from(place - first).ok();
    index.and_then(|index| names.get(index)).copied().unwrap_or_default()
}
