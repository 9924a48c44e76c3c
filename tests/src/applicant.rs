//! Somebody with an SSH key who asks for a certificate, honestly or not: every part of a request can be changed
//! before it is signed, and after.

use std::fmt;

use anyhow::{Context as _, Result};
use rand::rngs::OsRng;
use sallyport_protocol::{
    CertificateProof, Fingerprint, IssueUserRequest, LoginRandom, Namespace, Previous, login_nonce,
    sign_armored,
};
use ssh_key::{Algorithm, PrivateKey};

/// A key, the random part of a login nonce, and the CA that is asked.
pub struct Applicant {
    pub ca: Fingerprint,
    pub key: PrivateKey,
    pub random: LoginRandom,
}

impl Applicant {
    /// With a new Ed25519 key.
    ///
    /// # Errors
    /// There is no randomness to be had.
    pub fn new(ca: Fingerprint) -> Result<Self> {
        Ok(Self::with_key(ca, PrivateKey::random(&mut OsRng, Algorithm::Ed25519)?))
    }

    #[must_use]
    pub fn with_key(ca: Fingerprint, key: PrivateKey) -> Self {
        Self { ca, key, random: LoginRandom::generate(&mut OsRng) }
    }

    /// The nonce that binds a browser login to the key.
    ///
    /// # Errors
    /// The key has no wire form.
    pub fn nonce(&self) -> Result<String> {
        Ok(login_nonce(&self.key.public_key().to_bytes()?, &self.random))
    }

    /// The request after a browser login, signed.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn browser(&self, id_token: &str) -> Result<IssueUserRequest> {
        self.signed(IssueUserRequest { nonce_random: Some(self.random.to_text()), ..self.bare(id_token)? })
    }

    /// The request after a device login, signed: nothing binds its token to the key.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn device(&self, id_token: &str) -> Result<IssueUserRequest> {
        self.signed(self.bare(id_token)?)
    }

    /// The request for a new certificate in the session of an earlier one, which `before` holds the key of.
    ///
    /// # Errors
    /// A key cannot sign.
    pub fn renewal(&self, id_token: &str, before: &Self, certificate: &str) -> Result<IssueUserRequest> {
        let mut request = self.signed(self.bare(id_token)?)?;
        let signature = sign_armored(&before.key, Namespace::Renewal, &self.message(&request))?;
        request.previous = Some(Previous { certificate: certificate.to_owned(), signature });
        Ok(request)
    }

    /// Signs what the request says now.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn signed(&self, mut request: IssueUserRequest) -> Result<IssueUserRequest> {
        request.signature = sign_armored(&self.key, Namespace::Certificate, &self.message(&request))?;
        Ok(request)
    }

    /// The public key as OpenSSH writes it.
    ///
    /// # Errors
    /// The key has no text form.
    pub fn public_line(&self) -> Result<String> {
        self.key.public_key().to_openssh().context("a public key without a text form")
    }

    /// What the key signs for the request as it stands.
    #[must_use]
    pub fn message(&self, request: &IssueUserRequest) -> Vec<u8> {
        let proof = CertificateProof {
            ca: self.ca,
            id_token: &request.id_token,
            public_key: Fingerprint::of(self.key.public_key()),
            ttl_seconds: request.ttl_seconds,
            asked_as: request.asked_as.as_deref(),
        };
        proof.message()
    }

    /// A request with the token, and everything else absent.
    ///
    /// # Errors
    /// The key has no text form.
    pub fn bare(&self, id_token: &str) -> Result<IssueUserRequest> {
        Ok(IssueUserRequest {
            id_token: id_token.to_owned(),
            nonce_random: None,
            public_key: self.public_line()?,
            ttl_seconds: None,
            asked_as: None,
            signature: String::new(),
            previous: None,
        })
    }
}

impl fmt::Debug for Applicant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Applicant")
            .field("key", &Fingerprint::of(self.key.public_key()))
            .finish_non_exhaustive()
    }
}
