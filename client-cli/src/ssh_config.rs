//! The text that plain ssh reads: what we say to it, and how it gets into a file that is not ours, whose bytes are
//! whatever ssh takes. Pure.

use std::path::{Path, PathBuf};

use sallyport_domain::HostPatterns;
use ssh_key::PublicKey;

const BEGIN: &str =
    "# >>> sallyport: written by `sallyport config`, taken away by `sallyport config --remove` >>>";
const END: &str = "# <<< sallyport <<<";

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum SshConfigError {
    #[error("the sallyport block has lost its first or its last line")]
    Markers,
    #[error("ssh's configuration cannot name the path {}", path.display())]
    Path { path: PathBuf },
}

/// The files that the settings name.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) known_hosts: PathBuf,
    /// Our certificate itself, by which ssh finds its key in the agent. Named without its `-cert.pub`, ssh would look
    /// for a private key after a refusal, and complain that there is none.
    pub(crate) identity: PathBuf,
    /// The user's own `~/.ssh`.
    pub(crate) users: PathBuf,
    /// The user's default keys that exist: naming one key stops ssh from looking for them.
    pub(crate) default_keys: Vec<PathBuf>,
}

/// The settings for the CA's hosts.
pub(crate) fn settings(domains: &HostPatterns, names: &Names) -> Result<String, SshConfigError> {
    let patterns: Vec<String> = domains.iter().map(ToString::to_string).collect();
    let users = |name: &str| quoted(&names.users.join(name));
    let mut lines = vec![
        "# Written by `sallyport config`: changes are lost when it runs again.".to_owned(),
        format!("Host {}", patterns.join(" ")),
        "    # Your own files first: new host keys are still written there.".to_owned(),
        format!(
            "    UserKnownHostsFile {} {} {}",
            users("known_hosts")?,
            users("known_hosts2")?,
            quoted(&names.known_hosts)?
        ),
        "    # Offered before all other keys in the agent: sshd counts the attempts.".to_owned(),
        format!("    IdentityFile {}", quoted(&names.identity)?),
    ];
    for key in &names.default_keys {
        lines.push(format!("    IdentityFile {}", quoted(key)?));
    }
    Ok(lines.join("\n") + "\n")
}

/// Only the CA's own domains are believed from it, never `*`.
pub(crate) fn known_hosts(domains: &HostPatterns, keys: &[PublicKey]) -> String {
    let line = |key: &PublicKey| {
        let plain = PublicKey::from(key.key_data().clone());
        plain.to_openssh().map(|key| format!("@cert-authority {domains} {key}\n"))
    };
    keys.iter().filter_map(|key| line(key).ok()).collect()
}

/// One line that draws the settings in.
pub(crate) fn include(path: &Path) -> Result<String, SshConfigError> {
    Ok(format!("Include {}\n", quoted(path)?))
}

/// `inner` between our markers, at the very top: ssh takes the first value that it meets.
///
/// `flat` settings end in `Host *`, or what stands below without a Host of its own would belong to ours.
pub(crate) fn with_block(text: &[u8], inner: &str, flat: bool) -> Result<Vec<u8>, SshConfigError> {
    let rest = without_block(text)?;
    let back = if flat { "Host *\n" } else { "" };
    let mut whole = format!("{BEGIN}\n{inner}{back}{END}\n").into_bytes();
    whole.extend(rest);
    Ok(whole)
}

/// The text as it was before [`with_block`], byte for byte.
pub(crate) fn without_block(text: &[u8]) -> Result<Vec<u8>, SshConfigError> {
    let is = |line: &[u8], marker: &str| line.trim_ascii_end() == marker.as_bytes();
    let mut rest = Vec::with_capacity(text.len());
    let mut inside = false;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        match (inside, is(line, BEGIN), is(line, END)) {
            (false, true, _) => inside = true,
            (true, _, true) => inside = false,
            (false, _, true) | (true, true, _) => return Err(SshConfigError::Markers),
            (true, ..) => {}
            (false, ..) => rest.extend_from_slice(line),
        }
    }
    if inside { Err(SshConfigError::Markers) } else { Ok(rest) }
}

/// In quotes for blanks, with `%` doubled: ssh expands tokens in these paths.
fn quoted(path: &Path) -> Result<String, SshConfigError> {
    let text = path.to_str().filter(|text| !text.contains(['"', '\\']) && !text.contains("${"));
    let plain = text.filter(|text| !text.chars().any(char::is_control));
    let plain = plain.ok_or_else(|| SshConfigError::Path { path: path.to_owned() })?;
    Ok(format!("\"{}\"", plain.replace('%', "%%")))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::certificate::tests::private_key;

    fn domains() -> HostPatterns {
        HostPatterns::new(
            ["*.corp.test", "!old.corp.test"].iter().map(|text| text.parse().unwrap()).collect(),
        )
    }

    fn names(folder: &Path) -> Names {
        Names {
            known_hosts: folder.join("known hosts"),
            identity: folder.join("identity-cert.pub"),
            users: folder.join(".ssh"),
            default_keys: vec![folder.join(".ssh/id_ed25519")],
        }
    }

    /// What ssh itself makes of a configuration, for one host.
    fn ssh_g(config: &Path, host: &str) -> String {
        let output = Command::new("ssh").arg("-G").arg("-F").arg(config).arg(host).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn ssh_reads_it_for_the_cas_hosts_alone() {
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().join("ssh_config");
        std::fs::write(&ours, settings(&domains(), &names(folder.path())).unwrap()).unwrap();
        let users = "Port 2222\nHost *.test\n    User ada\n";
        for (inner, flat) in
            [(include(&ours).unwrap(), false), (settings(&domains(), &names(folder.path())).unwrap(), true)]
        {
            let config = folder.path().join("config");
            std::fs::write(&config, with_block(users.as_bytes(), &inner, flat).unwrap()).unwrap();
            let inside = ssh_g(&config, "web.corp.test");
            let known_hosts = format!(
                "{0}/.ssh/known_hosts {0}/.ssh/known_hosts2 {0}/known hosts",
                folder.path().display()
            );
            assert!(inside.contains(&known_hosts), "{inside}");
            let identities: Vec<&str> =
                inside.lines().filter(|line| line.starts_with("identityfile")).collect();
            assert!(
                identities[0].ends_with("/identity-cert.pub") && identities[1].ends_with("/id_ed25519"),
                "{inside}"
            );
            for host in ["web.corp.test", "web.other.test", "old.corp.test"] {
                let seen = ssh_g(&config, host);
                assert!(seen.contains("port 2222") && seen.contains("user ada"), "{host}: {seen}");
                assert_eq!(seen.contains("known hosts"), host == "web.corp.test", "{host}: {seen}");
            }
        }
    }

    #[test]
    fn what_was_there_comes_back_byte_for_byte() {
        let latin = b"# caf\xe9\nHost x\n";
        for text in
            [&b""[..], b"Host x\n  User y", b"\n\n# mine\r\nHost x\r\n", b"no newline at the end", latin]
        {
            let once = with_block(text, "Include \"x\"\n", false).unwrap();
            assert_eq!(without_block(&once).unwrap(), text);
            assert_eq!(with_block(&once, "Include \"x\"\n", false).unwrap(), once, "twice is once");
            let other = with_block(&once, "Host y\n", true).unwrap();
            assert_eq!(without_block(&other).unwrap(), text);
        }
    }

    #[test]
    fn a_block_without_an_end_is_left_to_the_person() {
        for text in [format!("{BEGIN}\nHost x\n"), format!("{END}\n"), format!("{BEGIN}\n{BEGIN}\n{END}\n")] {
            assert_eq!(without_block(text.as_bytes()), Err(SshConfigError::Markers), "{text}");
        }
    }

    #[test]
    fn known_hosts_trusts_the_domains_only() {
        let mut key = private_key(1).public_key().clone();
        key.set_comment("x\n@cert-authority * ssh-ed25519 AAAA");
        let text = known_hosts(&domains(), &[key]);
        assert_eq!(text.lines().count(), 1, "a comment is not repeated: {text}");
        assert!(text.starts_with("@cert-authority *.corp.test,!old.corp.test ssh-ed25519 AAAA"), "{text}");
    }

    #[test]
    fn paths_that_ssh_would_read_otherwise_are_refused_or_escaped() {
        assert_eq!(include(Path::new("/a b/100%")).unwrap(), "Include \"/a b/100%%\"\n");
        for path in ["/a\"b", "/a\nHost *", "/${HOME}", "/a\\b"] {
            assert!(include(Path::new(path)).is_err(), "{path:?}");
        }
    }
}
