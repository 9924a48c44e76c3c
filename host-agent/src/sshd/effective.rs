use super::drop_in::EVERYBODY;

/// The value of a keyword in the output of `sshd -T`.
fn value<'a>(effective: &'a str, keyword: &str) -> Option<&'a str> {
    let of_line = |line: &'a str| line.split_once(' ').filter(|(key, _)| key.eq_ignore_ascii_case(keyword));
    effective.lines().find_map(of_line).map(|(_, value)| value.trim())
}

fn is_set(value: &str) -> bool {
    !value.eq_ignore_ascii_case("none")
}

/// Settings of the administrator's that our drop-in would silently replace: the first value wins, and the keys and
/// revocations that they name would no longer count.
pub(crate) fn conflicts(before: &str) -> Vec<String> {
    let theirs = |(keyword, ours): &(&str, &str)| {
        let value = value(before, keyword)?;
        (is_set(value) && value != *ours).then(|| format!("{keyword} {value}"))
    };
    EVERYBODY.iter().filter_map(theirs).collect()
}

/// What beats us, in the effective configuration of root and of a managed account. `keys_before` is root's
/// authorized keys file as it was without us: break-glass keys must stay what they were.
pub(crate) fn shadows(root: &str, managed: Option<&str>, keys_before: Option<&str>) -> Vec<String> {
    let mut shadows = Vec::new();
    for (who, effective) in [("root", Some(root)), ("our accounts", managed)] {
        let Some(effective) = effective else { continue };
        for (keyword, ours) in EVERYBODY {
            let found = value(effective, keyword).unwrap_or("none");
            if !found.eq_ignore_ascii_case(ours) {
                shadows.push(format!("{keyword} is {found} for {who}"));
            }
        }
    }
    // Keys of other sources would open our accounts past the CA.
    for keyword in ["authorizedkeyscommand", "authorizedkeysfile"] {
        if let Some(found) =
            managed.and_then(|effective| value(effective, keyword)).filter(|found| is_set(found))
        {
            shadows.push(format!("{keyword} is {found} for our accounts"));
        }
    }
    let keys = value(root, "authorizedkeysfile");
    if keys_before.is_some_and(|before| value(before, "authorizedkeysfile") != keys) {
        shadows.push("authorizedkeysfile of root would change".into());
    }
    shadows
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "port 22\nauthorizedkeysfile none\ntrustedusercakeys /etc/ssh/sallyport/user_ca.pub\n\
        revokedkeys /etc/ssh/sallyport/revoked.krl\nauthorizedprincipalsfile /etc/ssh/sallyport/principals/%u\n";

    fn root() -> String {
        OURS.replace("file none", "file .ssh/authorized_keys")
    }

    #[test]
    fn our_own_configuration_is_no_conflict_and_no_shadow() {
        assert!(conflicts(OURS).is_empty());
        assert!(
            conflicts("trustedusercakeys none\nrevokedkeys none\nauthorizedprincipalsfile none\n").is_empty()
        );
        assert!(shadows(&root(), Some(OURS), Some(&root())).is_empty());
    }

    #[test]
    fn a_list_of_the_administrator_is_not_replaced() {
        let before = "trustedusercakeys none\nrevokedkeys /etc/ssh/revoked\n";
        assert_eq!(conflicts(before), ["revokedkeys /etc/ssh/revoked"]);
    }

    #[test]
    fn whatever_beats_us_is_named() {
        let beaten = OURS.replace("/etc/ssh/sallyport/principals/%u", "none");
        assert_eq!(
            shadows(&root(), Some(&beaten), None),
            ["authorizedprincipalsfile is none for our accounts"]
        );
        let keys = OURS.replace("file none", "file .ssh/authorized_keys");
        assert_eq!(shadows(&root(), Some(&keys), None).len(), 1);
        let command = format!("authorizedkeyscommand /opt/keys %u\n{OURS}");
        assert_eq!(
            shadows(&root(), Some(&command), None),
            ["authorizedkeyscommand is /opt/keys %u for our accounts"]
        );
        assert_eq!(shadows("", None, None).len(), 3);
    }

    #[test]
    fn break_glass_keys_must_stay_what_they_were() {
        let before = root().replace(".ssh/authorized_keys", "/etc/keys/%u");
        assert_eq!(shadows(&root(), None, Some(&before)), ["authorizedkeysfile of root would change"]);
    }
}
