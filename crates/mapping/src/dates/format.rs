use crate::error::Problem;
use crate::lexer::shortened;

/// A .NET date format, custom or one of the standard ones that are the same in every language.
#[derive(Debug)]
pub(crate) struct Format {
    pub(super) written: String,
    pub(super) pieces: Vec<Piece>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Piece {
    Text(char),
    Year(usize),
    Month(usize),
    Day(usize),
    /// Hours of twelve, or of the whole day.
    Hour(usize, Clock),
    Minute(usize),
    Second(usize),
    /// So many digits; with `F`, zeros at the end are left out.
    Fraction(usize, Zeros),
    /// `A` or `AM`.
    Half(usize),
    /// `z`.
    Offset(usize),
    /// `K`.
    Kind,
    /// A `Z` outside of quotations: itself, and when read it says that the date is in UTC.
    Zulu,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Clock {
    Twelve,
    Whole,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Zeros {
    Kept,
    LeftOut,
}

impl Format {
    pub(crate) fn read(written: &str) -> Result<Self, Problem> {
        let custom = match written {
            "o" | "O" => "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK",
            "r" | "R" => "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'",
            "s" => "yyyy'-'MM'-'dd'T'HH':'mm':'ss",
            "u" => "yyyy'-'MM'-'dd HH':'mm':'ss'Z'",
            _ if written.chars().count() == 1 => {
                return Err(refused(format!(
                    "{written} depends on a language; write the format out, as yyyy-MM-dd"
                )));
            }
            _ => written,
        };
        let pieces = pieces(custom)?;
        Ok(Self { written: written.to_owned(), pieces })
    }
}

fn refused(why: impl Into<String>) -> Problem {
    Problem::DateFormat(why.into())
}

fn pieces(format: &str) -> Result<Vec<Piece>, Problem> {
    let mut pieces = Vec::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => loop {
                match chars.next() {
                    Some(end) if end == c => break,
                    Some(text) => pieces.push(Piece::Text(text)),
                    None => return Err(refused("a quotation in it does not end")),
                }
            },
            '\\' => {
                pieces.push(Piece::Text(chars.next().ok_or_else(|| refused("it ends with a backslash"))?));
            }
            '%' if chars.peek().is_some_and(|next| *next != '%') => {}
            '%' => return Err(refused("a % in it stands before nothing")),
            _ => {
                let mut count = 1;
                while is_letter(c) && chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                pieces.push(piece(c, count)?);
            }
        }
    }
    Ok(pieces)
}

const fn is_letter(c: char) -> bool {
    matches!(c, 'd' | 'f' | 'F' | 'g' | 'h' | 'H' | 'K' | 'm' | 'M' | 's' | 't' | 'y' | 'z')
}

fn piece(c: char, count: usize) -> Result<Piece, Problem> {
    Ok(match (c, count) {
        ('y', 1..=5) => Piece::Year(count),
        ('M', 1..=4) => Piece::Month(count),
        ('d', 1..=4) => Piece::Day(count),
        ('h', 1..=2) => Piece::Hour(count, Clock::Twelve),
        ('H', 1..=2) => Piece::Hour(count, Clock::Whole),
        ('m', 1..=2) => Piece::Minute(count),
        ('s', 1..=2) => Piece::Second(count),
        ('f', 1..=7) => Piece::Fraction(count, Zeros::Kept),
        ('F', 1..=7) => Piece::Fraction(count, Zeros::LeftOut),
        ('t', 1..=2) => Piece::Half(count),
        ('z', 1..=3) => Piece::Offset(count),
        ('K', 1) => Piece::Kind,
        ('Z', _) => Piece::Zulu,
        _ if is_letter(c) => {
            let letters: String = std::iter::repeat_n(c, count.min(8)).collect();
            return Err(refused(format!("{letters} is not supported in it")));
        }
        _ => Piece::Text(c),
    })
}

/// `DateTimeStyles`: how a date is read.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own in .NET too")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Styles {
    pub(super) leading: bool,
    pub(super) trailing: bool,
    pub(super) inner: bool,
    pub(super) no_current_date: bool,
    pub(super) to_universal: bool,
    pub(super) assume_universal: bool,
    pub(super) round_trip: bool,
}

const NO_STYLES: Styles = Styles {
    leading: false,
    trailing: false,
    inner: false,
    no_current_date: false,
    to_universal: false,
    assume_universal: false,
    round_trip: false,
};

impl Styles {
    /// Names separated by commas or bars; none is Entra's default.
    pub(crate) fn read(written: &str) -> Result<Self, Problem> {
        if written.trim().is_empty() {
            return Ok(Self { leading: true, trailing: true, round_trip: true, ..NO_STYLES });
        }
        let mut styles = NO_STYLES;
        for name in written.split([',', '|']).map(str::trim) {
            match name.strip_prefix("DateTimeStyles.").unwrap_or(name) {
                "None" => {}
                "AllowLeadingWhite" => styles.leading = true,
                "AllowTrailingWhite" => styles.trailing = true,
                "AllowInnerWhite" => styles.inner = true,
                "AllowWhiteSpaces" => (styles.leading, styles.trailing, styles.inner) = (true, true, true),
                "NoCurrentDateDefault" => styles.no_current_date = true,
                "AdjustToUniversal" => styles.to_universal = true,
                "AssumeUniversal" => styles.assume_universal = true,
                "RoundtripKind" => styles.round_trip = true,
                other => return Err(refused(format!("the style {} is not supported", shortened(other)))),
            }
        }
        if styles.round_trip && (styles.to_universal || styles.assume_universal) {
            return Err(refused("RoundtripKind excludes AdjustToUniversal and AssumeUniversal"));
        }
        Ok(styles)
    }
}
