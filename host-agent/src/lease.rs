//! The lease as sshd and sudo read it, and when it is worth writing again.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Marks the lease in the first line of a file, whatever notation the lines below use.
const MARK: &str = "lease=";

/// `YYYYMMDDHHMMSSZ`: UTC, as sudoers' NOTAFTER and OpenSSH 9.1's expiry-time take it.
pub(crate) fn utc_stamp(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%SZ").to_string()
}

/// The first line of a file that carries a lease.
pub(crate) fn header(lease: Timestamp) -> String {
    format!("# Managed by sallyport-host; changes here are overwritten. {MARK}{}\n", whole_second(lease))
}

/// The lease that a file of ours was written with.
pub(crate) fn of_file(bytes: &[u8]) -> Option<Timestamp> {
    let line = bytes.split(|&byte| byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix('#')?.split_once(MARK)?.1.trim().parse().ok()
}

/// Which lease a file shall carry: the written one while half of what could be written is left of it, so that a
/// host does not rewrite ten thousand files at each word of the CA. A shorter lease is always written.
pub(crate) fn to_write(written: Option<Timestamp>, granted: Timestamp, now: Timestamp) -> Timestamp {
    let granted = whole_second(granted);
    match written {
        Some(written) if written <= granted && remaining(written, now) * 2 >= remaining(granted, now) => {
            written
        }
        _ => granted,
    }
}

fn remaining(until: Timestamp, now: Timestamp) -> i128 {
    (until.as_nanosecond() - now.as_nanosecond()).max(0)
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn the_stamp_is_utc() {
        assert_eq!(utc_stamp("2026-11-24T23:15:00Z".parse().unwrap()), "20261124231500Z");
    }

    #[test]
    fn the_header_tells_its_lease() {
        let lease = "2026-11-24T23:15:00.75Z".parse().unwrap();
        let file = header(lease) + "rest\n";
        assert_eq!(of_file(file.as_bytes()), Some("2026-11-24T23:15:00Z".parse().unwrap()));
        for other in [
            "",
            "lease=2026-11-24T23:15:00Z",
            "# no mark\n",
            "# lease=soon\n",
            "\n# lease=2026-11-24T23:15:00Z",
        ] {
            assert_eq!(of_file(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_lease_is_rewritten_at_half_life_or_when_it_shrank() {
        let granted = at(1_000);
        assert_eq!(to_write(Some(at(900)), granted, at(500)), at(900), "most is left");
        assert_eq!(to_write(Some(at(700)), granted, at(500)), granted, "less than half is left");
        assert_eq!(to_write(Some(at(400)), granted, at(500)), granted, "over");
        assert_eq!(to_write(Some(at(2_000)), granted, at(500)), granted, "the CA shortened it");
        assert_eq!(to_write(None, granted, at(500)), granted);
    }
}
