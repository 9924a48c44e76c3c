use crate::accounts::MARKER_GROUP;

const USER_CA: &str = "/etc/ssh/sallyport/user_ca.pub";
const KRL: &str = "/etc/ssh/sallyport/revoked.krl";
const HOST_CERTIFICATE: &str = "/etc/ssh/sallyport/ssh_host_key-cert.pub";
const PRINCIPALS: &str = "/etc/ssh/sallyport/principals/%u";

/// The drop-in. `Match all` within a first file beats every later `Match`, where a global line would lose to it.
pub(crate) fn render(with_host_certificate: bool) -> Vec<u8> {
    let certificate =
        if with_host_certificate { format!("HostCertificate {HOST_CERTIFICATE}\n") } else { String::new() };
    format!(
        "# Managed by sallyport-host; changes here are overwritten. To remove it: sallyport-host leave\n\
         TrustedUserCAKeys {USER_CA}\n\
         RevokedKeys {KRL}\n\
         {certificate}\
         Match Group {MARKER_GROUP}\n    AuthorizedKeysCommand none\n    AuthorizedKeysFile none\n\
         Match all\n    AuthorizedPrincipalsFile {PRINCIPALS}\n"
    )
    .into_bytes()
}

/// Keywords that are only ours, with what each must be in effect for everybody.
pub(super) const EVERYBODY: [(&str, &str); 3] =
    [("authorizedprincipalsfile", PRINCIPALS), ("revokedkeys", KRL), ("trustedusercakeys", USER_CA)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_in_match_all() {
        let text = String::from_utf8(render(true)).unwrap();
        let end = "Match Group sallyport-users\n    AuthorizedKeysCommand none\n    AuthorizedKeysFile none\nMatch all\n    \
                   AuthorizedPrincipalsFile /etc/ssh/sallyport/principals/%u\n";
        assert!(text.ends_with(end), "{text}");
        assert!(text.contains("\nHostCertificate "));
        assert!(!String::from_utf8(render(false)).unwrap().contains("HostCertificate"));
    }
}
