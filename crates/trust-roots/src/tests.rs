use std::fs;
use std::io;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use super::*;

/// A private root and a server's leaf under it, new in each test.
struct Authority {
    root_pem: String,
    server: Arc<ServerConfig>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let leaf_key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .signed_by(&leaf_key, &root)
            .unwrap();
        let server = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(leaf)],
                PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap(),
            )
            .unwrap();
        Self { root_pem: root.pem(), server: Arc::new(server) }
    }

    /// A whole handshake in memory.
    fn accepts(&self, client: ClientConfig, name: &'static str) -> Result<(), rustls::Error> {
        let name = ServerName::try_from(name).unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name)?;
        let mut server = ServerConnection::new(self.server.clone())?;
        for _ in 0..10 {
            let mut wire = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut wire).unwrap();
            }
            server.read_tls(&mut io::Cursor::new(wire)).unwrap();
            server.process_new_packets()?;
            let mut wire = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            client.read_tls(&mut io::Cursor::new(wire)).unwrap();
            client.process_new_packets()?;
            if !client.is_handshaking() && !server.is_handshaking() {
                return Ok(());
            }
        }
        panic!("the handshake did not end");
    }
}

#[test]
fn a_pinned_root_is_the_only_one_trusted() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    assert!(ours.accepts(pinned(&[&ours.root_pem]).unwrap(), "localhost").is_ok());
    assert!(theirs.accepts(pinned(&[&ours.root_pem]).unwrap(), "localhost").is_err());
    assert!(ours.accepts(pinned(&[&ours.root_pem]).unwrap(), "elsewhere.test").is_err());
    let both = pinned(&[&ours.root_pem, &theirs.root_pem]).unwrap();
    assert!(theirs.accepts(both, "localhost").is_ok());
}

#[test]
fn the_named_file_adds_to_the_roots_of_the_machine() {
    let ours = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root.pem");
    fs::write(&file, &ours.root_pem).unwrap();
    assert!(ours.accepts(system(Some(&file)).unwrap(), "localhost").is_ok());

    let machine = native::certificates(true).len();
    let extra = read_file(&file).unwrap().len();
    assert_eq!(extra, 1);
    // The bundle that is found by path is the one that the machine's own tools read.
    if std::path::Path::new("/etc/ssl/certs/ca-certificates.crt").is_file() {
        assert!(machine > 1, "the machine's roots were lost");
    }
}

#[test]
fn a_private_root_is_not_trusted_by_itself() {
    let ours = Authority::new();
    match system(None) {
        Ok(config) => assert!(ours.accepts(config, "localhost").is_err()),
        Err(error) => assert!(matches!(error, TrustError::NoSystemRoots), "{error}"),
    }
}

#[test]
fn without_verification_anyone_is_accepted() {
    let theirs = Authority::new();
    assert!(theirs.accepts(unverified().unwrap(), "localhost").is_ok());
    assert!(theirs.accepts(unverified().unwrap(), "elsewhere.test").is_ok());
}

#[test]
fn a_list_without_roots_is_an_error_and_not_an_open_door() {
    assert!(matches!(pinned::<&str>(&[]), Err(TrustError::NoPinnedRoots)));
    assert!(matches!(pinned(&["", "no certificate"]), Err(TrustError::NoPinnedRoots)));
    let broken = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
    assert!(matches!(pinned(&[broken]), Err(TrustError::Certificate(_))));
}

#[test]
fn a_file_that_helps_nobody_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.pem");
    assert!(matches!(system(Some(&missing)), Err(TrustError::File { .. })));
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "nothing here").unwrap();
    let error = system(Some(&empty)).unwrap_err();
    assert!(error.to_string().contains("empty.pem"), "{error}");
}
