use jiff::SignedDuration;

/// `90s`, `15m`, `16h`, `365d`, `1h30m`: days are 24 hours here.
pub fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let hint = || format!("{text:?} is not a duration; write it like 90s, 15m, 16h or 365d");
    let parsed = match text.strip_suffix('d') {
        Some(days) => {
            // In seconds: there, every number that fits is a duration.
            days.parse::<i64>().ok().and_then(|days| days.checked_mul(86_400)).map(SignedDuration::from_secs)
        }
        None => text.parse().ok(),
    };
    parsed.filter(|duration: &SignedDuration| duration.is_positive()).ok_or_else(hint)
}

/// The shortest spelling that [`parse_duration`] reads back.
pub fn write_duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_durations_in_many_ways() {
        assert_eq!(parse_duration("90s").unwrap(), SignedDuration::from_secs(90));
        assert_eq!(parse_duration("1h30m").unwrap(), SignedDuration::from_secs(5400));
        assert_eq!(parse_duration("365d").unwrap(), SignedDuration::from_hours(365 * 24));
        for wrong in ["", "0s", "-5m", "soon", "12", "9999999999999999d"] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?} was accepted");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for seconds in [10, 60, 5400, 86_400] {
            let duration = SignedDuration::from_secs(seconds);
            assert_eq!(parse_duration(&write_duration(duration)).unwrap(), duration);
        }
    }
}
