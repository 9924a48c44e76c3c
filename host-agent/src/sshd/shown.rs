//! Which host certificate sshd shows to somebody who connects.

/// What came of asking.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Shown {
    /// Its blob in base64.
    Certificate(String),
    /// No sshd listens.
    Nobody,
    /// sshd answers and has no certificate for this kind of key.
    Nothing,
    /// It could not be asked, and why.
    Unknown(String),
}

/// `None`: it is this one, an OpenSSH line. Otherwise what is wrong.
pub(super) fn differs(shown: &Shown, line: &str) -> Option<&'static str> {
    match shown {
        Shown::Certificate(blob) if Some(blob.as_str()) == blob_of(line) => None,
        Shown::Certificate(_) => Some("another one"),
        Shown::Nothing => Some("none"),
        Shown::Nobody | Shown::Unknown(_) => None,
    }
}

/// The kind of key that `ssh-keyscan -t` is to ask for, by the algorithm that the line begins with.
pub(super) fn kind_of(line: &str) -> &'static str {
    match line.split_whitespace().next() {
        Some(algorithm) if algorithm.starts_with("ecdsa-") => "ecdsa",
        Some(algorithm) if algorithm.starts_with("ssh-rsa") => "rsa",
        _ => "ed25519",
    }
}

fn blob_of(line: &str) -> Option<&str> {
    line.split_whitespace().nth(1)
}

/// The certificate in what `ssh-keyscan -c` prints: versions differ in what stands before algorithm and blob.
pub(crate) fn in_scan(output: &str) -> Option<String> {
    let of_line = |line: &str| {
        let mut words = line.split_whitespace().skip_while(|word| !word.contains("-cert-v01@openssh.com"));
        words.next()?;
        words.next().map(ToOwned::to_owned)
    };
    output.lines().filter(|line| !line.starts_with('#')).find_map(of_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "ssh-ed25519-cert-v01@openssh.com AAAAIHNz root@web\n";

    #[test]
    fn the_scan_is_read_whatever_stands_before_the_certificate() {
        for before in ["", "web.contoso.test ", "@cert-authority web.contoso.test ", "[::1]:2222 "] {
            let said = format!("# web:22 SSH-2.0-OpenSSH_9.2p1\n{before}{LINE}");
            assert_eq!(in_scan(&said).as_deref(), Some("AAAAIHNz"), "{before}");
        }
        for nothing in ["", "# web:22 SSH-2.0-OpenSSH_9.2p1\n", "web ssh-ed25519 AAAAC3Nz\n"] {
            assert_eq!(in_scan(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn only_the_very_certificate_will_do() {
        let this = Shown::Certificate("AAAAIHNz".into());
        assert_eq!(differs(&this, LINE), None);
        assert_eq!(differs(&Shown::Certificate("BBBB".into()), LINE), Some("another one"));
        assert_eq!(differs(&Shown::Nothing, LINE), Some("none"));
        assert_eq!(differs(&Shown::Nobody, LINE), None);
        assert_eq!(differs(&this, "garbage"), Some("another one"));
    }

    #[test]
    fn the_kind_is_the_lines() {
        for (line, kind) in [
            (LINE, "ed25519"),
            ("ssh-rsa-cert-v01@openssh.com AAAA", "rsa"),
            ("ecdsa-sha2-nistp256-cert-v01@openssh.com AAAA", "ecdsa"),
        ] {
            assert_eq!(kind_of(line), kind);
        }
    }
}
