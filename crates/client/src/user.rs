use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use sallyport_krl::Krl;
use sallyport_protocol::{
    Fingerprint, IssueUserReply, IssueUserRequest, Namespace, OpenError, SshSigError, path, verify_blob,
};
use ssh_encoding::Decode;
use ssh_key::{PublicKey, SshSig};

use crate::transport::{REPLY_LIMIT, Reply, Transport, send, tls};
use crate::{Ca, ClientError};

/// Carries the identity key's signature over the body, as base64 of the SSHSIG blob.
const SIGNATURE_HEADER: &str = "Sallyport-Signature";

/// A person's requests, and what anyone may read.
#[derive(Clone, Debug)]
pub struct UserClient {
    transport: Transport,
    ca: Ca,
}

impl UserClient {
    /// # Errors
    /// When the CA's TLS roots cannot be used.
    pub fn new(ca: Ca) -> Result<Self, ClientError> {
        let transport = Transport::new(ca.url().clone(), tls(ca.url(), ca.tls_roots())?)?;
        Ok(Self { transport, ca })
    }

    /// # Errors
    /// [`ClientError::Problem`] when the CA refuses; the token is then not used up.
    pub async fn issue(&self, request: &IssueUserRequest) -> Result<IssueUserReply, ClientError> {
        let builder = self.transport.request(Method::POST, path::USER_CERTIFICATE).json(request);
        send(builder, REPLY_LIMIT).await?.json()
    }

    /// The keys that sign user certificates, for `TrustedUserCAKeys`.
    ///
    /// # Errors
    /// [`ClientError::NotTrusted`] when the list is not signed by the pinned identity key; else as every request.
    pub async fn user_keys(&self) -> Result<Vec<PublicKey>, ClientError> {
        self.keys(path::USER_KEYS).await
    }

    /// The keys that sign host certificates, for `@cert-authority`.
    ///
    /// # Errors
    /// As [`Self::user_keys`].
    pub async fn host_keys(&self) -> Result<Vec<PublicKey>, ClientError> {
        self.keys(path::HOST_KEYS).await
    }

    /// The user certificates that do not count any more.
    ///
    /// # Errors
    /// As [`Self::user_keys`].
    pub async fn revocations(&self) -> Result<Krl, ClientError> {
        let reply = self.signed(path::KRL, "application/octet-stream", Namespace::Krl).await?;
        Krl::decode(&reply.body).map_err(|_| reply.protocol("a revocation list that cannot be read"))
    }

    async fn signed(&self, path: &str, media_type: &str, what: Namespace) -> Result<Reply, ClientError> {
        let reply = send(self.transport.request(Method::GET, path), REPLY_LIMIT).await?;
        reply.expect(media_type)?;
        let signature = reply.headers.get(SIGNATURE_HEADER).map(reqwest::header::HeaderValue::as_bytes);
        verify_pinned(self.ca.fingerprint(), what, &reply.body, signature.unwrap_or_default())
            .map_err(|source| ClientError::NotTrusted { url: reply.url().to_owned(), source })?;
        Ok(reply)
    }

    async fn keys(&self, path: &str) -> Result<Vec<PublicKey>, ClientError> {
        let reply = self.signed(path, "text/plain", Namespace::Keys).await?;
        let text =
            std::str::from_utf8(&reply.body).map_err(|_| reply.protocol("key lines that are not text"))?;
        text.lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| line.parse().map_err(|_| reply.protocol("a line that is no OpenSSH public key")))
            .collect()
    }
}

/// The signature names its key: only when that is the pinned one does it count.
fn verify_pinned(trusted: Fingerprint, what: Namespace, body: &[u8], header: &[u8]) -> Result<(), OpenError> {
    let blob = STANDARD.decode(header).map_err(|_| OpenError::Damaged("signature"))?;
    let signature = SshSig::decode(&mut blob.as_slice()).map_err(|_| SshSigError::Malformed)?;
    let key = PublicKey::from(signature.public_key().clone());
    let found = Fingerprint::of(&key);
    if found != trusted {
        return Err(OpenError::OtherKey { expected: trusted, found });
    }
    Ok(verify_blob(&key, what, body, &blob)?)
}

#[cfg(test)]
mod tests {
    use sallyport_protocol::{Problem, ProblemCode, sign_blob};

    use super::*;
    use crate::test_server::{Answer, TestServer, key};

    fn request() -> IssueUserRequest {
        IssueUserRequest {
            id_token: "canary".into(),
            nonce_random: None,
            public_key: "ssh-ed25519 AAAA".into(),
            ttl_seconds: None,
            asked_as: None,
            signature: "canary".into(),
            previous: None,
        }
    }

    fn client(server: &TestServer) -> UserClient {
        UserClient::new(Ca::new(server.url(), Fingerprint::of(key(1).public_key()), vec![])).unwrap()
    }

    async fn issue(answer: Answer) -> ClientError {
        let server = TestServer::start(move |_| answer.clone()).await;
        let error = client(&server).issue(&request()).await.unwrap_err();
        assert_eq!(server.seen().len(), 1, "asked once");
        assert!(!format!("{error:?} {error}").contains("canary"));
        error
    }

    #[tokio::test]
    async fn a_refusal_is_the_cas_own_word() {
        let problem = Problem::new(ProblemCode::NoGrant, "ask for access");
        assert_eq!(issue(Answer::problem(&problem)).await.problem(), Some(&problem));
    }

    #[tokio::test]
    async fn a_refusal_by_somebody_else_is_not() {
        let pages = [
            Answer::new(502, "text/html", "<h1>Bad gateway</h1>"),
            Answer::new(403, "application/json", r#"{"status":403,"code":"no_grant","detail":"x"}"#),
            Answer::new(403, Problem::MEDIA_TYPE, "not json"),
        ];
        for page in pages {
            assert!(matches!(issue(page).await, ClientError::Protocol { .. }));
        }
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let target = TestServer::start(|_| Answer::json(&"never")).await;
        let to = target.url().to_string();
        let error = issue(Answer::new(307, "text/plain", "").with("location", to)).await;
        assert!(error.to_string().contains("a redirect to"), "{error}");
        assert!(target.seen().is_empty());
    }

    #[tokio::test]
    async fn success_in_another_form_is_refused() {
        let page = Answer::new(200, "text/html", "{}");
        assert!(matches!(issue(page).await, ClientError::Protocol { .. }));
        assert!(matches!(issue(Answer::json(&"a string")).await, ClientError::Protocol { .. }));
    }

    #[tokio::test]
    async fn an_answer_over_the_limit_is_not_read() {
        let announced = Answer::new(200, "application/json", vec![b' '; REPLY_LIMIT + 1]);
        for answer in [announced, Answer::endless("application/json")] {
            assert!(matches!(issue(answer).await, ClientError::TooLarge { limit: REPLY_LIMIT, .. }));
        }
        let refusal = Answer { status: 403, ..Answer::endless(Problem::MEDIA_TYPE) };
        assert!(matches!(issue(refusal).await, ClientError::TooLarge { .. }));
    }

    #[tokio::test]
    async fn nobody_there_says_so() {
        let url = TestServer::start(|_| Answer::json(&"")).await.url();
        let ca = Ca::new(url.clone(), Fingerprint::of(key(1).public_key()), vec![]);
        let error = UserClient::new(ca).unwrap().issue(&request()).await.unwrap_err();
        assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().contains(&url.to_string()));
    }

    fn revocation_list(signer: u8, namespace: Namespace, bytes: &[u8]) -> Answer {
        let signature = sign_blob(&key(signer), namespace, bytes).unwrap();
        Answer::new(200, "application/octet-stream", bytes.to_vec())
            .with("sallyport-signature", STANDARD.encode(signature))
    }

    #[tokio::test]
    async fn revocations_count_only_when_the_identity_key_signed_them() {
        let serial = |value| sallyport_domain::Serial::new(value).unwrap();
        let at = jiff::Timestamp::from_second(1_800_000_000).unwrap();
        let number = sallyport_domain::Generation::new(7);
        let list = Krl::new(number, at, key(9).public_key(), [serial(5)].into()).unwrap();
        let bytes = list.encode().unwrap();
        let good = revocation_list(1, Namespace::Krl, &bytes);
        let server = TestServer::start(move |_| good.clone()).await;
        let read = client(&server).revocations().await.unwrap();
        assert!(read.revokes(serial(5)) && !read.revokes(serial(6)));

        let hostile =
            [revocation_list(2, Namespace::Krl, &bytes), revocation_list(1, Namespace::Keys, &bytes)];
        for answer in hostile {
            let server = TestServer::start(move |_| answer.clone()).await;
            let refused = client(&server).revocations().await.unwrap_err();
            assert!(matches!(refused, ClientError::NotTrusted { .. }), "{refused:?}");
        }
        let damaged = revocation_list(1, Namespace::Krl, &bytes[..40]);
        let server = TestServer::start(move |_| damaged.clone()).await;
        let refused = client(&server).revocations().await.unwrap_err();
        assert!(matches!(refused, ClientError::Protocol { .. }), "{refused:?}");
    }

    fn key_list(signer: u8, namespace: Namespace, covered: &str, sent: &str) -> Answer {
        let signature = sign_blob(&key(signer), namespace, covered.as_bytes()).unwrap();
        Answer::new(200, "text/plain; charset=utf-8", sent)
            .with("sallyport-signature", STANDARD.encode(signature))
    }

    #[tokio::test]
    async fn key_lists_count_only_when_the_identity_key_signed_them() {
        let list = format!("{}\n", key(9).public_key().to_openssh().unwrap());
        let good = key_list(1, Namespace::Keys, &list, &list);
        let server = TestServer::start(move |_| good.clone()).await;
        assert_eq!(client(&server).host_keys().await.unwrap(), [key(9).public_key().clone()]);
        assert_eq!(client(&server).user_keys().await.unwrap().len(), 1);

        let hostile = [
            key_list(2, Namespace::Keys, &list, &list),
            key_list(1, Namespace::Krl, &list, &list),
            key_list(1, Namespace::Keys, &list, &format!("{list}{list}")),
            Answer::new(200, "text/plain", list),
        ];
        for answer in hostile {
            let server = TestServer::start(move |_| answer.clone()).await;
            let refused = client(&server).host_keys().await.unwrap_err();
            assert!(matches!(refused, ClientError::NotTrusted { .. }), "{refused:?}");
        }
    }
}
