use std::fmt::Write;

use jiff::Timestamp;
use sallyport_domain::Principal;

use crate::lease;

/// How this host's sshd takes the end of a lease.
#[derive(Clone, Debug, Default)]
pub(crate) enum ExpiryNotation {
    /// OpenSSH before 9.1 refuses a `Z`: the time in the host's own zone, as the host computed it.
    Local(LocalStamps),
    #[default]
    Utc,
}

/// Timestamps that the host converted to its own zone.
pub(crate) type LocalStamps = fn(Timestamp) -> Option<String>;

/// An account's principals file: who may enter, and until when without another word of the CA.
///
/// sshd reads the last word of a line as the principal, cuts at `#`, and gives up on a line with an option it does not
/// know (auth2-pubkeyfile.c). `None` when the host cannot say the time in its own zone.
pub(crate) fn render(
    principals: &[Principal],
    lease: Timestamp,
    notation: &ExpiryNotation,
) -> Option<Vec<u8>> {
    let stamp = match notation {
        ExpiryNotation::Local(convert) => convert(lease)?,
        ExpiryNotation::Utc => lease::utc_stamp(lease),
    };
    let mut text = lease::header(lease);
    for principal in principals {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "expiry-time=\"{stamp}\" {principal}");
    }
    Some(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_principal_has_a_line_with_the_lease() {
        let lease = "2026-11-24T23:15:00Z".parse().unwrap();
        let principals = ["u:01J8ZKAAAAAAAAAAAAAAAAAAAA".parse().unwrap(), "g:sre".parse().unwrap()];
        let text = String::from_utf8(render(&principals, lease, &ExpiryNotation::Utc).unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "expiry-time=\"20261124231500Z\" u:01J8ZKAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(lines[2], "expiry-time=\"20261124231500Z\" g:sre");
        assert_eq!(lease::of_file(text.as_bytes()), Some(lease));
    }

    #[test]
    fn an_older_sshd_gets_its_own_time() {
        let lease = "2026-11-24T23:15:00Z".parse().unwrap();
        let local = ExpiryNotation::Local(|_| Some("20261125001500".into()));
        let text = render(&["g:sre".parse().unwrap()], lease, &local).unwrap();
        assert!(String::from_utf8(text).unwrap().contains("expiry-time=\"20261125001500\" g:sre"));
        assert_eq!(render(&[], lease, &ExpiryNotation::Local(|_| None)), None);
    }
}
