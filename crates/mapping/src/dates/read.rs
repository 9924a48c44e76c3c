//! Reading a date by its format, as `DateTime.ParseExact` does in the invariant culture.

use jiff::civil::{Date, DateTime, Time};

use super::format::{Clock, Format, Piece, Styles, Zeros};
use super::names;
use super::print::{Kind, Moment};
use super::scan::Scan;
use super::written::{from_twelve, utc};
use crate::error::Problem;
use crate::lexer::shortened;

/// What has been read so far.
#[derive(Debug, Default)]
struct Fields {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    weekday: Option<i64>,
    hour: Option<i64>,
    twelve: bool,
    afternoon: Option<bool>,
    minute: Option<i64>,
    second: Option<i64>,
    nanos: Option<i32>,
    offset: Option<i64>,
    zulu: bool,
}

impl Format {
    pub(crate) fn parse(&self, text: &str, styles: Styles) -> Result<Moment, Problem> {
        let mismatch = || Problem::DateMismatch { text: shortened(text), format: shortened(&self.written) };
        let mut subject = text;
        subject = if styles.leading { subject.trim_start() } else { subject };
        subject = if styles.trailing { subject.trim_end() } else { subject };
        let mut scan = Scan(subject);
        let mut fields = Fields::default();
        for piece in &self.pieces {
            if styles.inner {
                scan.skip_spaces();
            }
            if matches!(piece, Piece::Text(c) if styles.inner && c.is_whitespace()) {
                continue;
            }
            fields.read(&mut scan, piece).ok_or_else(mismatch)?;
        }
        if !scan.0.is_empty() {
            return Err(mismatch());
        }
        fields.two_digit_year(&self.pieces)?;
        let date = fields.date(styles, mismatch)?;
        fields.moment(date, styles)
    }
}

impl Fields {
    fn read(&mut self, scan: &mut Scan<'_>, piece: &Piece) -> Option<()> {
        match *piece {
            Piece::Text(c) => scan.take(c.encode_utf8(&mut [0; 4])).then_some(()),
            Piece::Year(width) => {
                let year = scan.digits(width, width.max(2))?;
                set(&mut self.year, year)
            }
            Piece::Month(width @ 1..=2) => set(&mut self.month, scan.digits(width, 2)?),
            Piece::Month(width) => set(&mut self.month, name(scan, &names::MONTHS, width)? + 1),
            Piece::Day(width @ 1..=2) => set(&mut self.day, scan.digits(width, 2)?),
            Piece::Day(width) => set(&mut self.weekday, name(scan, &names::DAYS, width)?),
            Piece::Hour(width, clock) => {
                self.twelve |= clock == Clock::Twelve;
                set(&mut self.hour, scan.digits(width, 2)?)
            }
            Piece::Minute(width) => set(&mut self.minute, scan.digits(width, 2)?),
            Piece::Second(width) => set(&mut self.second, scan.digits(width, 2)?),
            Piece::Fraction(width, Zeros::Kept) => set(&mut self.nanos, scan.fraction(width, width)?),
            Piece::Fraction(width, Zeros::LeftOut) => set(&mut self.nanos, scan.fraction(0, width)?),
            Piece::Half(1) => set(&mut self.afternoon, scan.take_one(&["A", "P"])? == 1),
            Piece::Half(_) => set(&mut self.afternoon, scan.take_one(&["AM", "PM"])? == 1),
            Piece::Offset(width) => set(&mut self.offset, scan.offset(width.min(2), width == 3)?),
            Piece::Kind => self.read_kind(scan),
            Piece::Zulu => {
                self.zulu = true;
                scan.take("Z").then_some(())?;
                set(&mut self.offset, 0)
            }
        }
    }

    /// `Z`, an offset, or nothing.
    fn read_kind(&mut self, scan: &mut Scan<'_>) -> Option<()> {
        if scan.take("Z") {
            self.zulu = true;
            return set(&mut self.offset, 0);
        }
        if scan.0.starts_with(['+', '-']) {
            return set(&mut self.offset, scan.offset(2, true)?);
        }
        Some(())
    }

    /// Two digits mean a year up to 2029 or, since .NET 8, up to 2049.
    fn two_digit_year(&mut self, pieces: &[Piece]) -> Result<(), Problem> {
        if !pieces.iter().any(|piece| matches!(piece, Piece::Year(1..=2))) {
            return Ok(());
        }
        let Some(year) = self.year else { return Ok(()) };
        self.year = Some(match year {
            0..=29 => 2000 + year,
            50..=99 => 1900 + year,
            _ => {
                let why = "a year of two digits between 30 and 49 depends on the version of Entra's server";
                return Err(Problem::DateFormat(why.to_owned()));
            }
        });
        Ok(())
    }

    fn date(&self, styles: Styles, mismatch: impl Fn() -> Problem) -> Result<DateTime, Problem> {
        let (year, month, day) = match (self.year, self.month, self.day) {
            (None, None, None) if styles.no_current_date => (1, 1, 1),
            (None, ..) => {
                let why = "it has no year, and Entra would take the present one";
                return Err(Problem::DateFormat(why.to_owned()));
            }
            (Some(year), month, day) => (year, month.unwrap_or(1), day.unwrap_or(1)),
        };
        let hour = self.hour_of_day().ok_or_else(&mismatch)?;
        let small = |value: i64| i8::try_from(value).ok();
        let date = || {
            let date =
                Date::new(i16::try_from(year).ok().filter(|year| *year > 0)?, small(month)?, small(day)?)
                    .ok()?;
            let (minute, second) = (self.minute.unwrap_or(0), self.second.unwrap_or(0));
            let time =
                Time::new(small(hour)?, small(minute)?, small(second)?, self.nanos.unwrap_or(0)).ok()?;
            let weekday = i64::from(date.weekday().to_sunday_zero_offset());
            (self.weekday.is_none_or(|said| said == weekday)).then(|| date.to_datetime(time))
        };
        date().ok_or_else(mismatch)
    }

    /// Without `tt`, hours of twelve are those of the morning.
    fn hour_of_day(&self) -> Option<i64> {
        let hour = self.hour.unwrap_or(0);
        match (self.twelve, self.hour, self.afternoon) {
            (true, Some(hour), half) => from_twelve(hour, half.unwrap_or(false)),
            (false, _, Some(true)) if hour < 12 && self.hour.is_none() => Some(12),
            (false, _, Some(afternoon)) => (afternoon == (hour >= 12)).then_some(hour),
            _ => Some(hour),
        }
    }

    fn moment(&self, date: DateTime, styles: Styles) -> Result<Moment, Problem> {
        let date = utc(date, self.offset.unwrap_or(0))?;
        let kind = match self.offset {
            Some(_) if styles.to_universal || (styles.round_trip && self.zulu) => Kind::Utc,
            Some(_) => Kind::Local,
            None if styles.assume_universal && styles.to_universal => Kind::Utc,
            None if styles.assume_universal => Kind::Local,
            None => Kind::Unspecified,
        };
        Ok(Moment { date, kind })
    }
}

/// Two pieces of a format may say the same thing, and must say it alike.
fn set<T: Copy + PartialEq>(field: &mut Option<T>, value: T) -> Option<()> {
    (*field.get_or_insert(value) == value).then_some(())
}

fn name(scan: &mut Scan<'_>, names: &[&str], width: usize) -> Option<i64> {
    let short: Vec<&str> = names.iter().map(|name| names::short(name)).collect();
    let place = scan.take_one(if width == 3 { &short } else { names })?;
    i64::try_from(place).ok()
}
