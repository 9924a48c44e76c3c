use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// When the first certificate of a PEM file ends; `None` when there is none to be read.
pub fn certificate_end(pem: &[u8]) -> Option<Timestamp> {
    let der = CertificateDer::from_pem_slice(pem).ok()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_the_first_certificates() {
        let mut params = rcgen::CertificateParams::new(vec!["ca.contoso.test".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2031, 2, 3);
        let pem = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem();
        let end: Timestamp = "2031-02-03T00:00:00Z".parse().unwrap();
        assert_eq!(certificate_end(pem.as_bytes()), Some(end));
        for damaged in [&b""[..], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert_eq!(certificate_end(damaged), None);
        }
    }
}
