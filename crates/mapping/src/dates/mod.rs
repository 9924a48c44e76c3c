//! Dates as Entra's functions have them: texts in UTC, to the second, and .NET's formats.

mod format;
mod interval;
mod names;
mod print;
mod read;
mod scan;
mod written;

use jiff::civil::{DateTime, date};
use jiff::{SignedDuration, Timestamp};

use crate::error::Problem;

pub(crate) use format::{Format, Styles};
pub(crate) use interval::{Interval, add, difference};
pub(crate) use written::parse;

/// What a `FILETIME` counts: a hundred nanoseconds.
const TICK: i64 = 100;
const TICKS_PER_SECOND: i64 = 10_000_000;

/// `M/d/yyyy h:mm:ss tt`.
pub(crate) fn shown(date: DateTime) -> String {
    let (hour, half) = twelve(date.hour());
    format!(
        "{}/{}/{:04} {hour}:{:02}:{:02} {half}",
        date.month(),
        date.day(),
        date.year(),
        date.minute(),
        date.second()
    )
}

/// The hour of a clock with twelve, and its half of the day.
const fn twelve(hour: i8) -> (i8, &'static str) {
    let half = if hour < 12 { "AM" } else { "PM" };
    (if hour % 12 == 0 { 12 } else { hour % 12 }, half)
}

pub(crate) fn from_timestamp(now: Timestamp) -> Result<DateTime, Problem> {
    in_range(now.to_zoned(jiff::tz::TimeZone::UTC).datetime())
}

/// Ticks since 1601, as Active Directory has dates.
pub(crate) fn from_file_time(ticks: i64) -> Result<DateTime, Problem> {
    let nanos = i32::try_from(ticks % TICKS_PER_SECOND * TICK).map_err(|_| Problem::DateOutOfRange)?;
    if ticks < 0 {
        return Err(Problem::DateOutOfRange);
    }
    let span = SignedDuration::new(ticks / TICKS_PER_SECOND, nanos);
    date(1601, 1, 1).at(0, 0, 0, 0).checked_add(span).map_err(|_| Problem::DateOutOfRange).and_then(in_range)
}

pub(crate) fn to_file_time(moment: DateTime) -> Result<i64, Problem> {
    let span = moment.duration_since(date(1601, 1, 1).at(0, 0, 0, 0));
    let ticks = i64::try_from(span.as_nanos() / i128::from(TICK)).map_err(|_| Problem::DateOutOfRange)?;
    if ticks < 0 { Err(Problem::DateOutOfRange) } else { Ok(ticks) }
}

/// .NET's dates begin with the year 1 and end with the year 9999.
fn in_range(date: DateTime) -> Result<DateTime, Problem> {
    if (1..=9999).contains(&date.year()) { Ok(date) } else { Err(Problem::DateOutOfRange) }
}
