//! Lengths of time as people write and read them.

use jiff::Timestamp;
use sallyport_domain::{Lifetime, LifetimeError};

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum SpanError {
    #[error(transparent)]
    Lifetime(#[from] LifetimeError),
    #[error("a time is written as 8h, 90m or 1h30m, with d, h, m and s")]
    Shape,
}

/// `8h`, `1h30m`, `2d`: numbers each with a unit, larger units first.
pub(crate) fn parse(text: &str) -> Result<Lifetime, SpanError> {
    let mut rest = text.trim();
    let mut seconds: u64 = 0;
    let mut largest = u64::MAX;
    if rest.is_empty() {
        return Err(SpanError::Shape);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(SpanError::Shape)?;
        let (number, after) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| SpanError::Shape)?;
        let unit = after.chars().next().and_then(unit_seconds).ok_or(SpanError::Shape)?;
        if unit >= largest {
            return Err(SpanError::Shape);
        }
        largest = unit;
        let amount = number.checked_mul(unit).ok_or(LifetimeError::TooLong)?;
        seconds = seconds.checked_add(amount).ok_or(LifetimeError::TooLong)?;
        // Units are one byte each.
        rest = after.get(1..).unwrap_or_default();
    }
    Ok(Lifetime::from_seconds(seconds)?)
}

fn unit_seconds(unit: char) -> Option<u64> {
    match unit {
        'd' => Some(86_400),
        'h' => Some(3_600),
        'm' => Some(60),
        's' => Some(1),
        _ => None,
    }
}

/// `11h53m`, `4m`, `20s`, `3d2h`: the two largest units.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.as_second().saturating_sub(from.as_second()).unsigned_abs();
    let parts =
        [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let first = parts.iter().position(|(amount, _)| *amount > 0).unwrap_or(3);
    parts
        .iter()
        .skip(first)
        .take(2)
        .filter(|(amount, _)| *amount > 0)
        .map(|(amount, unit)| format!("{amount}{unit}"))
        .reduce(|text, part| text + &part)
        .unwrap_or_else(|| "0s".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, seconds) in
            [("8h", 28_800), ("1h30m", 5_400), ("90m", 5_400), ("300s", 300), ("2d", 172_800)]
        {
            assert_eq!(parse(text).unwrap().seconds(), seconds, "{text}");
        }
        for text in ["", "8", "h", "8x", "30m1h", "1h1h", "-8h", "8 h", "1.5h", "8hü"] {
            assert_eq!(parse(text), Err(SpanError::Shape), "{text:?}");
        }
        assert_eq!(parse("4m59s"), Err(LifetimeError::TooShort.into()));
        assert_eq!(parse("99999999999999999999h"), Err(SpanError::Shape));
        assert_eq!(parse("9999999999999999999h"), Err(LifetimeError::TooLong.into()));
    }

    #[test]
    fn writes_the_two_largest_units() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let cases =
            [(0, "0s"), (59, "59s"), (60, "1m"), (42_780, "11h53m"), (42_785, "11h53m"), (266_461, "3d2h")];
        for (seconds, text) in cases {
            assert_eq!(between(at(0), at(seconds)), text);
            assert_eq!(between(at(seconds), at(0)), text);
        }
    }
}
