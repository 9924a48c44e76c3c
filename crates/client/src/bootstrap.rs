use reqwest::Method;
use sallyport_protocol::{Bootstrap, Fingerprint, Namespace, Signed, path};

use crate::transport::{Transport, nobody, send};
use crate::{Ca, CaUrl, ClientError};

/// The version of the protocol that this program speaks.
const VERSION: u32 = 1;

/// A few keys and certificates.
const LIMIT: usize = 256 * 1024;

/// Learns what the CA at `url` says of itself, believing it only when the key with `fingerprint` signed it.
///
/// TLS is not verified here, since the document is what says whom to trust; nothing secret is sent.
///
/// # Errors
/// [`ClientError::NotTrusted`] when another key signed, or nobody; else as every request.
pub async fn bootstrap(url: &CaUrl, fingerprint: Fingerprint) -> Result<(Bootstrap, Ca), ClientError> {
    let tls = if url.as_url().scheme() == "http" { nobody()? } else { sallyport_trust_roots::unverified()? };
    let transport = Transport::new(url.clone(), tls)?;
    let reply = send(transport.request(Method::GET, path::BOOTSTRAP), LIMIT).await?;
    let bootstrap: Bootstrap = reply
        .json::<Signed>()?
        .open(fingerprint, Namespace::Bootstrap)
        .map_err(|source| ClientError::NotTrusted { url: url.to_string(), source })?;
    if !bootstrap.versions.contains(&VERSION) {
        return Err(ClientError::Version { theirs: bootstrap.versions, ours: VERSION });
    }
    let ca = Ca::new(url.clone(), fingerprint, bootstrap.tls_roots.clone());
    Ok((bootstrap, ca))
}

#[cfg(test)]
mod tests {
    use sallyport_protocol::OpenError;

    use super::*;
    use crate::test_server::{Answer, TestServer, bootstrap_document, key};

    fn pinned() -> Fingerprint {
        Fingerprint::of(key(1).public_key())
    }

    async fn ask(answer: Answer) -> Result<(Bootstrap, Ca), ClientError> {
        let server = TestServer::start(move |_| answer.clone()).await;
        bootstrap(&server.url(), pinned()).await
    }

    fn sealed() -> Signed {
        Signed::seal(&bootstrap_document(), &key(1), Namespace::Bootstrap).unwrap()
    }

    #[tokio::test]
    async fn the_pinned_key_is_believed() {
        let (document, ca) = ask(Answer::json(&sealed())).await.unwrap();
        assert_eq!(document, bootstrap_document());
        assert_eq!(ca.fingerprint(), pinned());
        assert_eq!(ca.tls_roots(), ["a root"]);
    }

    #[tokio::test]
    async fn another_key_is_not() {
        let by_another = Signed::seal(&bootstrap_document(), &key(2), Namespace::Bootstrap).unwrap();
        let refused = ask(Answer::json(&by_another)).await.unwrap_err();
        assert!(matches!(refused, ClientError::NotTrusted { source: OpenError::OtherKey { .. }, .. }));
    }

    #[tokio::test]
    async fn a_swapped_key_line_does_not_help() {
        let mut swapped = Signed::seal(&bootstrap_document(), &key(2), Namespace::Bootstrap).unwrap();
        swapped.key = sealed().key;
        let refused = ask(Answer::json(&swapped)).await.unwrap_err();
        assert!(matches!(refused, ClientError::NotTrusted { source: OpenError::Signature(_), .. }));
    }

    #[tokio::test]
    async fn altered_bytes_and_other_purposes_are_refused() {
        let mut other = bootstrap_document();
        other.client_id = "evil".into();
        let by_another = Signed::seal(&other, &key(2), Namespace::Bootstrap).unwrap();
        let altered = Signed { signed: by_another.signed, ..sealed() };
        let for_a_lease = Signed::seal(&bootstrap_document(), &key(1), Namespace::Lease).unwrap();
        for document in [altered, for_a_lease] {
            let refused = ask(Answer::json(&document)).await.unwrap_err();
            assert!(matches!(refused, ClientError::NotTrusted { source: OpenError::Signature(_), .. }));
        }
    }

    #[tokio::test]
    async fn a_ca_of_the_future_is_named() {
        let document = Bootstrap { versions: vec![2, 3], ..bootstrap_document() };
        let sealed = Signed::seal(&document, &key(1), Namespace::Bootstrap).unwrap();
        let refused = ask(Answer::json(&sealed)).await.unwrap_err();
        assert!(refused.to_string().contains("[2, 3]"), "{refused}");
    }

    #[tokio::test]
    async fn a_huge_document_is_not_read() {
        let refused = ask(Answer::endless("application/json")).await.unwrap_err();
        assert!(matches!(refused, ClientError::TooLarge { limit: LIMIT, .. }), "{refused}");
    }
}
