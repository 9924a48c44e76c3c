use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rand::RngCore;
use rand::rngs::OsRng;
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder};
use sallyport_domain::Clock;
use sallyport_protocol::{Fingerprint, Problem, ProblemCode, RequestSignature, SignedRequest};
use ssh_key::PrivateKey;

use crate::ClientError;
use crate::transport::{Reply, Transport, send};

const NONCE_BYTES: usize = 18;

/// Signs each request with one key, for one CA.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) key: PrivateKey,
    pub(crate) ca: Fingerprint,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A request before it is signed: what is signed is what is sent.
pub(crate) struct Unsigned<'a> {
    pub(crate) method: Method,
    pub(crate) path_and_query: &'a str,
    pub(crate) body: &'a [u8],
}

impl Signer {
    /// Sends it signed, and when the CA finds our clock wrong, once more by the CA's. `prepare` adds body and limits.
    /// Gives the nonce of the request that was answered, too.
    pub(crate) async fn send(
        &self,
        transport: &Transport,
        request: &Unsigned<'_>,
        limit: usize,
        prepare: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<(Reply, String), ClientError> {
        let attempt = async |ts: i64| {
            let signature = self.sign(request, ts)?;
            let builder = transport.request(request.method.clone(), request.path_and_query);
            let builder = prepare(builder).header(AUTHORIZATION, signature.to_string());
            Ok((send(builder, limit).await?, signature.nonce))
        };
        match attempt(self.clock.now().as_second()).await {
            Err(ClientError::Problem(problem)) => match their_time(&problem) {
                Some(time) => attempt(time.as_second()).await,
                None => Err(ClientError::Problem(problem)),
            },
            other => other,
        }
    }

    fn sign(&self, request: &Unsigned<'_>, ts: i64) -> Result<RequestSignature, ClientError> {
        let signed = SignedRequest {
            method: request.method.as_str(),
            path_and_query: request.path_and_query,
            body: request.body,
            ca: self.ca,
        };
        Ok(RequestSignature::sign(&signed, &self.key, ts, fresh_nonce())?)
    }
}

/// The server's time, when the refusal is about time and says it.
fn their_time(problem: &Problem) -> Option<Timestamp> {
    (problem.code == ProblemCode::ClockSkew).then_some(problem.server_time)?
}

fn fresh_nonce() -> String {
    let mut bytes = [0u8; NONCE_BYTES];
    OsRng.fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}
