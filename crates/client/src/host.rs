use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};
use sallyport_domain::{Clock, Generation};
use sallyport_protocol::{
    EnrollReply, EnrollRequest, HostCertificateReply, HostCertificateRequest, Report, SnapshotReply, path,
};
use serde::Serialize;
use ssh_key::PrivateKey;

use crate::signing::{Signer, Unsigned};
use crate::transport::{REPLY_LIMIT, Reply, Transport, tls};
use crate::{Ca, ClientError, SystemClock};

/// What a long poll may take beyond the wait that it asked for.
const POLL_MARGIN: Duration = Duration::from_secs(10);

/// A host's requests, each signed by its machine key.
pub struct HostClient {
    transport: Transport,
    signer: Signer,
}

impl fmt::Debug for HostClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostClient").field("transport", &self.transport).finish_non_exhaustive()
    }
}

impl HostClient {
    /// # Errors
    /// When the CA's TLS roots cannot be used.
    pub fn new(ca: &Ca, machine_key: PrivateKey) -> Result<Self, ClientError> {
        Self::with_clock(ca, machine_key, Arc::new(SystemClock))
    }

    /// # Errors
    /// As [`Self::new`].
    pub fn with_clock(ca: &Ca, machine_key: PrivateKey, clock: Arc<dyn Clock>) -> Result<Self, ClientError> {
        let transport = Transport::new(ca.url().clone(), tls(ca.url(), ca.tls_roots())?)?;
        Ok(Self { transport, signer: Signer { key: machine_key, ca: ca.fingerprint(), clock } })
    }

    /// # Errors
    /// [`ClientError::Problem`] when the CA refuses; the token is then not used up.
    pub async fn enroll(&self, request: &EnrollRequest) -> Result<EnrollReply, ClientError> {
        self.post(path::HOST_ENROLL, request).await?.json()
    }

    /// # Errors
    /// [`ClientError`]; the certificate that the host has stays good until its own end.
    pub async fn certificate(
        &self,
        request: &HostCertificateRequest,
    ) -> Result<HostCertificateReply, ClientError> {
        self.post(path::HOST_CERTIFICATE, request).await?.json()
    }

    /// # Errors
    /// [`ClientError`]; a report that is lost is made up for by the next.
    pub async fn report(&self, report: &Report) -> Result<(), ClientError> {
        self.post(path::HOST_REPORT, report).await.map(|_| ())
    }

    /// The state newer than `after`, or a fresh lease after `wait_seconds` without news; with it the nonce that the
    /// request carried, which a lease must name. Nothing is believed yet: see `open_snapshot` and `Signed::open`.
    ///
    /// # Errors
    /// [`ClientError`]; the last good state stays until its lease ends.
    pub async fn snapshot(
        &self,
        after: Generation,
        wait_seconds: u32,
    ) -> Result<(SnapshotReply, String), ClientError> {
        let path_and_query = format!("{}?after={after}&wait={wait_seconds}", path::HOST_SNAPSHOT);
        let request = Unsigned { method: Method::GET, path_and_query: &path_and_query, body: b"" };
        let patience = Duration::from_secs(wait_seconds.into()) + POLL_MARGIN;
        let prepare = |builder: RequestBuilder| builder.timeout(patience);
        let (reply, nonce) = self.signer.send(&self.transport, &request, REPLY_LIMIT, prepare).await?;
        Ok((reply.json()?, nonce))
    }

    async fn post(&self, path: &str, body: &impl Serialize) -> Result<Reply, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Protocol {
            url: path.to_owned(),
            found: format!("a request that has no JSON form ({error})"),
        })?;
        let request = Unsigned { method: Method::POST, path_and_query: path, body: &body };
        let prepare =
            |builder: RequestBuilder| builder.header(CONTENT_TYPE, "application/json").body(body.clone());
        let (reply, _) = self.signer.send(&self.transport, &request, REPLY_LIMIT, prepare).await?;
        Ok(reply)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use sallyport_protocol::{Fingerprint, Problem, ProblemCode, RequestSignature, SignedRequest};
    use serde_json::json;

    use super::*;
    use crate::test_server::{Answer, Seen, TestServer, key};

    const OURS: i64 = 1_000;
    const THEIRS: i64 = 1_800_000_000;

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(OURS).unwrap()
        }
    }

    fn pinned() -> Fingerprint {
        Fingerprint::of(key(1).public_key())
    }

    fn client(server: &TestServer) -> HostClient {
        let ca = Ca::new(server.url(), pinned(), vec![]);
        HostClient::with_clock(&ca, key(2), Arc::new(Stopped)).unwrap()
    }

    /// The signature that a request carried, checked over what arrived.
    fn checked(seen: &Seen) -> RequestSignature {
        let signature: RequestSignature = seen.headers["authorization"].to_str().unwrap().parse().unwrap();
        let request = SignedRequest {
            method: seen.method.as_str(),
            path_and_query: seen.uri.path_and_query().unwrap().as_str(),
            body: &seen.body,
            ca: pinned(),
        };
        signature.verify(&request, key(2).public_key()).unwrap();
        signature
    }

    fn unchanged() -> Answer {
        Answer::json(&json!({"lease": {"signed": "", "key": "", "signature": ""}}))
    }

    fn report() -> Report {
        Report {
            applied: Generation::new(7),
            lease_until: None,
            agent: "1".into(),
            problems: vec![],
            local: None,
        }
    }

    #[tokio::test]
    async fn what_is_sent_is_what_is_signed() {
        let server = TestServer::start(|_| unchanged()).await;
        let client = client(&server);
        let (_, nonce) = client.snapshot(Generation::new(7), 1).await.unwrap();
        client.report(&report()).await.unwrap();
        let [poll, post] = &server.seen()[..] else { panic!("two requests") };
        assert_eq!(poll.uri, "/v1/hosts/self/snapshot?after=7&wait=1");
        assert_eq!(checked(poll).nonce, nonce);
        assert_eq!(checked(poll).ts, OURS);
        assert_ne!(checked(post).nonce, nonce);
        assert_eq!(serde_json::from_slice::<Report>(&post.body).unwrap(), report());
    }

    fn skewed(server_time: Option<i64>) -> Answer {
        let time = server_time.map(|second| Timestamp::from_second(second).unwrap());
        let problem = Problem::new(ProblemCode::ClockSkew, "your clock is wrong");
        Answer::problem(&Problem { server_time: time, ..problem })
    }

    #[tokio::test]
    async fn a_wrong_clock_is_tried_once_more_by_the_servers() {
        let by_our_clock = format!("ts={OURS},");
        let server = TestServer::start(move |seen| {
            let header = seen.headers["authorization"].to_str().unwrap();
            if header.contains(&by_our_clock) { skewed(Some(THEIRS)) } else { unchanged() }
        })
        .await;
        let (_, nonce) = client(&server).snapshot(Generation::ZERO, 0).await.unwrap();
        let [first, second] = &server.seen()[..] else { panic!("two requests") };
        assert_eq!(checked(second).ts, THEIRS);
        assert_eq!(checked(second).nonce, nonce);
        assert_ne!(checked(first).nonce, nonce);
    }

    #[tokio::test]
    async fn it_is_tried_once_and_only_with_a_time() {
        for (server_time, requests) in [(Some(THEIRS), 2), (None, 1)] {
            let server = TestServer::start(move |_| skewed(server_time)).await;
            let refused = client(&server).report(&report()).await.unwrap_err();
            assert_eq!(refused.problem().unwrap().code, ProblemCode::ClockSkew);
            assert_eq!(server.seen().len(), requests);
        }
    }

    #[tokio::test]
    async fn the_machine_key_does_not_print() {
        let server = TestServer::start(|_| unchanged()).await;
        assert!(!format!("{:?}", client(&server)).contains("key"));
    }
}
