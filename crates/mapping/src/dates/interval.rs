use jiff::civil::DateTime;
use jiff::{SignedDuration, Span};

use super::in_range;
use crate::error::Problem;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Interval {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

impl Interval {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "yyyy" => Self::Year,
            "m" => Self::Month,
            "ww" => Self::Week,
            "d" => Self::Day,
            "h" => Self::Hour,
            "n" => Self::Minute,
            "s" => Self::Second,
            _ => return None,
        })
    }
}

/// Years and months keep the day, or take the last of a month that is shorter.
pub(crate) fn add(date: DateTime, interval: Interval, count: i64) -> Result<DateTime, Problem> {
    let span = Span::new();
    let span = match interval {
        Interval::Year => span.try_years(count),
        Interval::Month => span.try_months(count),
        Interval::Week => span.try_weeks(count),
        Interval::Day => span.try_days(count),
        Interval::Hour => span.try_hours(count),
        Interval::Minute => span.try_minutes(count),
        Interval::Second => span.try_seconds(count),
    };
    let sum = span.and_then(|span| date.checked_add(span));
    sum.map_err(|_| Problem::DateOutOfRange).and_then(in_range)
}

/// As Visual Basic counts: the changes of the year, of the month and of the week (which begins on Sunday), and the
/// whole days, hours, minutes and seconds.
pub(crate) fn difference(interval: Interval, from: DateTime, to: DateTime) -> i64 {
    let span: SignedDuration = to.duration_since(from);
    let (years, months) = (fields(from), fields(to));
    match interval {
        Interval::Year => months.0 - years.0,
        Interval::Month => (months.0 - years.0) * 12 + months.1 - years.1,
        Interval::Week => (sunday(to) - sunday(from)) / 7,
        Interval::Day => span.as_hours() / 24,
        Interval::Hour => span.as_hours(),
        Interval::Minute => span.as_mins(),
        Interval::Second => span.as_secs(),
    }
}

fn fields(date: DateTime) -> (i64, i64) {
    (i64::from(date.year()), i64::from(date.month()))
}

/// The Sunday with which a date's week begins, in days from a fixed one.
fn sunday(date: DateTime) -> i64 {
    let first = jiff::civil::date(1, 1, 1);
    let days = date.date().duration_since(first).as_hours() / 24;
    days - i64::from(date.date().weekday().to_sunday_zero_offset())
}
