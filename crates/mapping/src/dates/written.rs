//! Dates as people and directories write them.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

use super::scan::Scan;
use super::{in_range, names};
use crate::error::Problem;
use crate::lexer::shortened;

/// Reads `2026-02-28`, `2/28/2026`, `2026/2/28`, `28 Feb 2026` or `February 28, 2026`, then maybe a time of 24 or 12
/// hours, then maybe an offset; gives UTC, which is also what a date without an offset is in.
pub(crate) fn parse(text: &str) -> Result<DateTime, Problem> {
    let mut scan = Scan(text.trim());
    let read = read(&mut scan).filter(|_| scan.0.is_empty());
    read.ok_or_else(|| Problem::NotADate(shortened(text))).and_then(|(date, offset)| utc(date, offset))
}

/// A local date and minutes east of Greenwich → UTC.
pub(super) fn utc(date: DateTime, offset: i64) -> Result<DateTime, Problem> {
    date.checked_sub(SignedDuration::from_mins(offset))
        .map_err(|_| Problem::DateOutOfRange)
        .and_then(in_range)
}

fn read(scan: &mut Scan<'_>) -> Option<(DateTime, i64)> {
    let is_iso = scan.0.get(4..5) == Some("-");
    let date = day(scan)?;
    let mut before_time = *scan;
    let marked = is_iso && before_time.take("T");
    let separated = marked || before_time.skip_spaces();
    let mut time = Time::midnight();
    if separated && before_time.0.starts_with(|c: char| c.is_ascii_digit()) {
        *scan = before_time;
        time = time_of_day(scan)?;
    }
    scan.skip_spaces();
    let offset = if scan.take("Z") || (!marked && scan.take_word("GMT")) || scan.0.is_empty() {
        0
    } else {
        scan.offset(2, true)?
    };
    in_range(date.to_datetime(time)).ok().map(|date| (date, offset))
}

fn day(scan: &mut Scan<'_>) -> Option<Date> {
    let mut other = *scan;
    let (year, month, day) = if let Some(date) = american_day(&mut other) {
        *scan = other;
        date
    } else if let Some(date) = spelt_day(scan) {
        date
    } else {
        let year = scan.digits(4, 4)?;
        let separator = if scan.take("-") { "-" } else { "/" };
        let month = (separator == "-" || scan.take("/")).then(|| scan.digits(1, 2))??;
        let day = scan.take(separator).then(|| scan.digits(1, 2))??;
        (year, month, day)
    };
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// Month, day and a year of four digits.
fn american_day(scan: &mut Scan<'_>) -> Option<(i64, i64, i64)> {
    let month = scan.digits(1, 2)?;
    let day = scan.take("/").then(|| scan.digits(1, 2))??;
    let year = scan.take("/").then(|| scan.digits(4, 4))??;
    Some((year, month, day))
}

/// A day and a month by name, in either order, and a year; the name of the weekday may stand before them.
fn spelt_day(scan: &mut Scan<'_>) -> Option<(i64, i64, i64)> {
    let mut at = *scan;
    let weekday = name(&mut at, &names::DAYS);
    if weekday.is_some() {
        at.take(",");
        at.skip_spaces();
    }
    let (month, day) = if let Some(month) = name(&mut at, &names::MONTHS) {
        at.skip_spaces().then_some(())?;
        (month, at.digits(1, 2)?)
    } else {
        let day = at.digits(1, 2)?;
        at.skip_spaces().then_some(())?;
        (name(&mut at, &names::MONTHS)?, day)
    };
    at.take(",");
    at.skip_spaces().then_some(())?;
    let year = at.digits(4, 4)?;
    let date =
        Date::new(i16::try_from(year).ok()?, i8::try_from(month + 1).ok()?, i8::try_from(day).ok()?).ok()?;
    let said = i64::from(date.weekday().to_sunday_zero_offset());
    weekday.is_none_or(|weekday| weekday == said).then_some(())?;
    *scan = at;
    Some((year, month + 1, day))
}

/// The place of a name, long or short, counted from 0.
fn name(scan: &mut Scan<'_>, names: &[&str]) -> Option<i64> {
    let short: Vec<&str> = names.iter().map(|name| names::short(name)).collect();
    let place = scan.take_one(names).or_else(|| scan.take_one(&short))?;
    i64::try_from(place).ok()
}

fn time_of_day(scan: &mut Scan<'_>) -> Option<Time> {
    let mut hour = scan.digits(1, 2)?;
    let minute = scan.take(":").then(|| scan.digits(2, 2))??;
    let (mut second, mut nanos) = (0, 0);
    if scan.take(":") {
        second = scan.digits(2, 2)?;
        if scan.take(".") {
            nanos = scan.fraction(1, 9)?;
        }
    }
    let mut behind = *scan;
    behind.skip_spaces();
    if let Some(half) = behind.take_one(&["AM", "PM"]).filter(|_| !behind.0.starts_with(char::is_alphabetic))
    {
        *scan = behind;
        hour = from_twelve(hour, half == 1)?;
    }
    Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, nanos).ok()
}

/// The hour of a whole day for one of its halves.
pub(super) fn from_twelve(hour: i64, afternoon: bool) -> Option<i64> {
    (1..=12).contains(&hour).then_some(hour % 12 + if afternoon { 12 } else { 0 })
}
