use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use crate::{TrustError, builder, finished, provider};

/// A client that talks to **anyone**: no root, no name, no date is checked.
///
/// There is one right use: fetching the signed bootstrap document, which is then verified with the CA's
/// fingerprint and names the roots to trust from there on. Send no secret over such a connection, and believe
/// nothing that comes back before its signature was checked.
///
/// # Errors
/// Only when the TLS library was built without any protocol version.
pub fn unverified() -> Result<ClientConfig, TrustError> {
    let algorithms = provider().signature_verification_algorithms;
    let anyone = Arc::new(Anyone { algorithms });
    Ok(finished(builder()?.dangerous().with_custom_certificate_verifier(anyone)))
}

/// Accepts every certificate. The handshake's own signature is still checked: it costs nothing, and a broken
/// handshake is then an error here and not a puzzle later.
#[derive(Debug)]
struct Anyone {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
