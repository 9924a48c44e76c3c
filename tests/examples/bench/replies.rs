//! Whether what came back are certificates: each for the key that asked, by the CA, under a serial of its own.

use std::collections::HashSet;

use anyhow::{Context as _, Result, ensure};
use sallyport_protocol::IssueUserReply;
use ssh_key::{Certificate, PublicKey};

use crate::load::Answer;
use crate::requests::Prepared;

/// One sentence for each answer that is no good certificate.
pub(crate) fn faults(ca: &PublicKey, requests: &[Prepared], answers: &[Answer]) -> Vec<String> {
    let mut serials = HashSet::new();
    answers
        .iter()
        .filter_map(|answer| {
            let key = requests.get(answer.request).map(|request| &request.key);
            check(ca, key, answer, &mut serials).err().map(|error| format!("{error:#}"))
        })
        .collect()
}

fn check(ca: &PublicKey, key: Option<&PublicKey>, answer: &Answer, serials: &mut HashSet<u64>) -> Result<()> {
    let text = String::from_utf8_lossy(&answer.body);
    ensure!(answer.status == 200, "status {}: {text}", answer.status);
    let reply: IssueUserReply = serde_json::from_slice(&answer.body).context("not the answer's JSON")?;
    let certificate = Certificate::from_openssh(&reply.certificate).context("not a certificate")?;
    certificate.verify_signature().context("a bad signature")?;
    ensure!(certificate.signature_key() == ca.key_data(), "signed by another key");
    ensure!(key.map(PublicKey::key_data) == Some(certificate.public_key()), "for another key");
    ensure!(certificate.serial() == reply.serial, "another serial than its answer says");
    ensure!(serials.insert(reply.serial), "serial {} twice", reply.serial);
    Ok(())
}
