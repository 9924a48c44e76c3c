//! Over real TLS: whom the client believes before and after the bootstrap.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use sallyport_protocol::{Bootstrap, Fingerprint, Namespace, Signed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::test_server::{bootstrap_document, key};
use crate::{Ca, CaUrl, ClientError, UserClient, bootstrap};

/// A private root, and a server with a leaf under it that gives every request the same answer.
struct TlsServer {
    url: CaUrl,
    root: String,
    task: JoinHandle<()>,
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TlsServer {
    /// `answer` is made from the root, which a bootstrap document names.
    async fn start(answer: impl FnOnce(&str) -> String) -> Self {
        let (root, config) = root_and_leaf();
        let body = answer(&root);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that does not trust us goes away here.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = [0u8; 4096];
                let _ = stream.read(&mut request).await;
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
                let whole = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(whole.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { url, root, task }
    }
}

fn root_and_leaf() -> (String, ServerConfig) {
    let root_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let root = params.self_signed(&root_key).unwrap();
    let issuer = Issuer::new(params, root_key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(leaf_key.serialize_der()).into())
        .unwrap();
    (root.pem(), config)
}

fn pinned() -> Fingerprint {
    Fingerprint::of(key(1).public_key())
}

fn document(roots: Vec<String>) -> String {
    let document = Bootstrap { tls_roots: roots, ..bootstrap_document() };
    serde_json::to_string(&Signed::seal(&document, &key(1), Namespace::Bootstrap).unwrap()).unwrap()
}

/// A request of which only the way is looked at.
async fn way(ca: Ca) -> ClientError {
    UserClient::new(ca).unwrap().user_keys().await.unwrap_err()
}

#[tokio::test]
async fn the_signed_document_brings_its_own_root() {
    let server = TlsServer::start(|root| document(vec![root.to_owned()])).await;
    let (_, ca) = bootstrap(&server.url, pinned()).await.unwrap();
    assert_eq!(ca.tls_roots(), std::slice::from_ref(&server.root));
    // The answer is no list of keys, but it was believed to come from the CA.
    assert!(matches!(way(ca).await, ClientError::Protocol { .. }));
}

#[tokio::test]
async fn after_the_bootstrap_another_root_is_not_believed() {
    let (real, other) =
        (TlsServer::start(|_| String::new()).await, TlsServer::start(|_| String::new()).await);
    let ca = Ca::new(other.url.clone(), pinned(), vec![real.root.clone()]);
    assert!(matches!(way(ca).await, ClientError::Unreachable { .. }));
}

#[tokio::test]
async fn with_no_root_named_the_systems_are_asked() {
    let server = TlsServer::start(|_| document(vec![])).await;
    let (_, ca) = bootstrap(&server.url, pinned()).await.unwrap();
    // No root of the system vouches for it; where the system has none at all, nothing is trusted either.
    match UserClient::new(ca) {
        Ok(client) => {
            assert!(matches!(client.user_keys().await.unwrap_err(), ClientError::Unreachable { .. }));
        }
        Err(error) => assert!(matches!(error, ClientError::TrustRoots(_))),
    }
}

#[tokio::test]
async fn roots_that_are_none_are_said_at_once() {
    let url: CaUrl = "https://127.0.0.1:1".parse().unwrap();
    let ca = Ca::new(url, pinned(), vec!["not a certificate".into()]);
    assert!(matches!(UserClient::new(ca), Err(ClientError::TrustRoots(_))));
}
