use std::path::Path;

use rustls::pki_types::CertificateDer;

/// Where systems keep their bundle of roots: Debian and Alpine; Fedora and RHEL, old and new; SUSE; BSD and macOS.
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What the machine trusts; empty when it trusts nobody. A bad certificate in it is no reason to refuse the others.
///
/// `SSL_CERT_FILE` makes rustls-native-certs read that file *instead* of the machine's roots, so with
/// `variable_is_set` the bundle is found by its path.
pub(crate) fn certificates(variable_is_set: bool) -> Vec<CertificateDer<'static>> {
    if !variable_is_set {
        return rustls_native_certs::load_native_certs().certs;
    }
    let bundle = BUNDLES.iter().map(Path::new).find(|path| path.is_file());
    rustls_native_certs::load_certs_from_paths(bundle, None).certs
}
