use jiff::civil::DateTime;

use super::format::{Clock, Format, Piece, Zeros};
use super::{names, twelve};
use crate::error::Problem;

/// A date in UTC, and what .NET knows of its zone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(super) date: DateTime,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Unspecified,
    Utc,
    /// The server's own, which is UTC too, and is printed otherwise.
    Local,
}

impl Format {
    pub(crate) fn print(&self, moment: Moment) -> Result<String, Problem> {
        let mut out = String::new();
        for piece in &self.pieces {
            print(&mut out, piece, moment)?;
        }
        Ok(out)
    }
}

fn print(out: &mut String, piece: &Piece, Moment { date, kind }: Moment) -> Result<(), Problem> {
    let number = |value: i16, width: usize| format!("{value:0width$}");
    let text = match *piece {
        Piece::Text(c) => c.to_string(),
        Piece::Zulu => "Z".to_owned(),
        Piece::Year(width @ 1..=2) => number(date.year() % 100, width),
        Piece::Year(width) => number(date.year(), width),
        Piece::Month(width @ 1..=2) => number(date.month().into(), width),
        Piece::Month(3) => names::short(names::at(&names::MONTHS, 1, date.month())).to_owned(),
        Piece::Month(_) => names::at(&names::MONTHS, 1, date.month()).to_owned(),
        Piece::Day(width @ 1..=2) => number(date.day().into(), width),
        Piece::Day(width) => {
            let name = names::at(&names::DAYS, 0, date.weekday().to_sunday_zero_offset());
            if width == 3 { names::short(name) } else { name }.to_owned()
        }
        Piece::Hour(width, Clock::Twelve) => number(twelve(date.hour()).0.into(), width),
        Piece::Hour(width, Clock::Whole) => number(date.hour().into(), width),
        Piece::Minute(width) => number(date.minute().into(), width),
        Piece::Second(width) => number(date.second().into(), width),
        Piece::Fraction(width, zeros) => return fraction(out, date.subsec_nanosecond(), width, zeros),
        Piece::Half(width) => twelve(date.hour()).1[..width].to_owned(),
        Piece::Offset(1) => "+0".to_owned(),
        Piece::Offset(2) => "+00".to_owned(),
        Piece::Offset(_) => "+00:00".to_owned(),
        Piece::Kind => match kind {
            Kind::Unspecified => "",
            Kind::Utc => "Z",
            Kind::Local => "+00:00",
        }
        .to_owned(),
    };
    out.push_str(&text);
    Ok(())
}

/// Digits of the second; with `F`, a point before nothing goes too.
fn fraction(out: &mut String, nanos: i32, width: usize, zeros: Zeros) -> Result<(), Problem> {
    let digits = format!("{nanos:09}");
    let digits = digits.get(..width).ok_or(Problem::DateOutOfRange)?;
    let kept = if zeros == Zeros::LeftOut { digits.trim_end_matches('0') } else { digits };
    if kept.is_empty() && out.ends_with('.') {
        out.pop();
    }
    out.push_str(kept);
    Ok(())
}
