//! Sign-ins as a real client would send them, made before the clock runs: each with its own key, nonce, token, proof.

use std::net::SocketAddr;
use std::thread;

use anyhow::{Result, anyhow};
use rand::rngs::OsRng;
use sallyport_protocol::{
    CertificateProof, Fingerprint, IssueUserRequest, LoginRandom, Namespace, login_nonce, path, sign_armored,
};
use ssh_key::{Algorithm, PrivateKey, PublicKey};

use crate::stage::Stage;

/// One request as it goes over the wire.
pub(crate) struct Prepared {
    /// What is to be certified.
    pub(crate) key: PublicKey,
    pub(crate) bytes: Vec<u8>,
}

/// Makes them.
pub(crate) struct Maker<'s>(&'s Stage);

impl<'s> Maker<'s> {
    pub(crate) fn new(stage: &'s Stage) -> Self {
        Self(stage)
    }

    /// On all cores: a signature with the issuer's RSA key takes most of a millisecond.
    pub(crate) fn make(&self, count: usize) -> Result<Vec<Prepared>> {
        let workers = thread::available_parallelism()?.get();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..workers)
                .map(|first| {
                    let numbers = (first..count).step_by(workers);
                    scope.spawn(move || numbers.map(|number| self.one(number)).collect::<Result<Vec<_>>>())
                })
                .collect();
            let mut all = Vec::with_capacity(count);
            for worker in workers {
                all.extend(worker.join().map_err(|_| anyhow!("a thread that makes requests panicked"))??);
            }
            Ok(all)
        })
    }

    fn one(&self, number: usize) -> Result<Prepared> {
        let key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519)?;
        let random = LoginRandom::generate(&mut OsRng);
        let nonce = login_nonce(&key.public_key().to_bytes()?, &random);
        let id_token = self.0.token(number, nonce)?;
        let proof = CertificateProof {
            ca: self.0.fingerprint(),
            id_token: &id_token,
            public_key: Fingerprint::of(key.public_key()),
            ttl_seconds: None,
            asked_as: None,
        };
        let signature = sign_armored(&key, Namespace::Certificate, &proof.message())?;
        let request = IssueUserRequest {
            id_token,
            nonce_random: Some(random.to_text()),
            public_key: key.public_key().to_openssh()?,
            ttl_seconds: None,
            asked_as: None,
            signature,
            previous: None,
        };
        let bytes = wire(self.0.address(), &serde_json::to_vec(&request)?);
        Ok(Prepared { key: key.public_key().clone(), bytes })
    }
}

fn wire(address: SocketAddr, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "POST {} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        path::USER_CERTIFICATE,
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
