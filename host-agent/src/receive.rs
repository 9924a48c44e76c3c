use jiff::Timestamp;
use sallyport_domain::{Generation, HostId};
use sallyport_protocol::{
    Fingerprint, Lease, Namespace, OpenError, Signed, SnapshotError, SnapshotReply, open_snapshot,
};

use crate::state::StoredSnapshot;

/// What an answer is measured against.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) trusted: Fingerprint,
    pub(crate) host: HostId,
    /// The highest generation that this host ever took.
    pub(crate) floor: Generation,
    /// What the request asked after.
    pub(crate) asked: Generation,
    /// The request's nonce.
    pub(crate) nonce: String,
}

/// An answer that holds, as it is kept.
#[derive(Debug)]
pub(crate) enum Word {
    Lease(Signed),
    Snapshot(StoredSnapshot),
}

/// Why an answer is not taken. The last good state stays.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the lease is not signed by the CA")]
    LeaseNotSigned(#[source] OpenError),
    #[error("the lease is for another host")]
    LeaseOtherHost,
    #[error("the lease ended at {0}")]
    LeaseOver(Timestamp),
    #[error("the lease answers another request: somebody repeats an old one")]
    LeaseRepeated,
    #[error("the snapshot is not newer than generation {0}, after which was asked")]
    NotNewer(Generation),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// Judges an answer of the CA, or of whoever sits in between.
pub(crate) fn judge_reply(
    reply: SnapshotReply,
    expected: &Expected,
    now: Timestamp,
) -> Result<Word, Refusal> {
    match reply {
        SnapshotReply::New { snapshot, content } => {
            let Expected { trusted, host, floor, asked, .. } = *expected;
            let (header, _) = open_snapshot(&snapshot, &content, trusted, host, floor, now)?;
            if header.generation <= asked {
                return Err(Refusal::NotNewer(asked));
            }
            Ok(Word::Snapshot(StoredSnapshot { snapshot, content }))
        }
        SnapshotReply::Unchanged { lease } => judge_lease(lease, expected, now).map(Word::Lease),
    }
}

fn judge_lease(signed: Signed, expected: &Expected, now: Timestamp) -> Result<Signed, Refusal> {
    let lease: Lease = signed.open(expected.trusted, Namespace::Lease).map_err(Refusal::LeaseNotSigned)?;
    if lease.host != expected.host {
        return Err(Refusal::LeaseOtherHost);
    }
    if lease.nonce != expected.nonce || lease.generation != expected.asked {
        return Err(Refusal::LeaseRepeated);
    }
    if lease.lease_until <= now {
        return Err(Refusal::LeaseOver(lease.lease_until));
    }
    Ok(signed)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use sallyport_protocol::{Content, SnapshotHeader, sha256_hex};

    use super::*;
    use crate::testing::{NOW, at, key};

    fn host(seed: u8) -> HostId {
        HostId::generate(at(NOW), &mut ChaCha8Rng::from_seed([seed; 32]))
    }

    fn expected() -> Expected {
        Expected {
            trusted: Fingerprint::of(key(1).public_key()),
            host: host(1),
            floor: Generation::new(7),
            asked: Generation::new(7),
            nonce: "0123456789abcdef".into(),
        }
    }

    fn lease() -> Lease {
        let Expected { host, asked, nonce, .. } = expected();
        Lease { host, generation: asked, nonce, issued_at: at(NOW), lease_until: at(NOW + 60) }
    }

    fn leased(lease: &Lease, signer: u8) -> Result<Word, Refusal> {
        let lease = Signed::seal(lease, &key(signer), Namespace::Lease).unwrap();
        judge_reply(SnapshotReply::Unchanged { lease }, &expected(), at(NOW))
    }

    fn snapshot(generation: u64) -> Result<Word, Refusal> {
        let content = serde_json::to_string(&Content::default()).unwrap();
        let header = SnapshotHeader {
            host: host(1),
            generation: Generation::new(generation),
            issued_at: at(NOW),
            lease_until: at(NOW + 60),
            counts: Content::default().counts(),
            content_sha256: sha256_hex(content.as_bytes()),
        };
        let snapshot = Signed::seal(&header, &key(1), Namespace::Snapshot).unwrap();
        judge_reply(SnapshotReply::New { snapshot, content }, &expected(), at(NOW))
    }

    #[test]
    fn a_fresh_word_is_taken() {
        assert!(matches!(leased(&lease(), 1), Ok(Word::Lease(_))));
        assert!(matches!(snapshot(8), Ok(Word::Snapshot(_))));
    }

    #[test]
    fn nothing_new_for_ever_is_only_worth_one_lease() {
        let repeated = Lease { nonce: "fedcba9876543210".into(), ..lease() };
        assert!(matches!(leased(&repeated, 1), Err(Refusal::LeaseRepeated)));
        let of_before = Lease { generation: Generation::new(6), ..lease() };
        assert!(matches!(leased(&of_before, 1), Err(Refusal::LeaseRepeated)));
    }

    #[test]
    fn other_leases_are_refused() {
        assert!(matches!(leased(&lease(), 2), Err(Refusal::LeaseNotSigned(_))));
        assert!(matches!(leased(&Lease { host: host(2), ..lease() }, 1), Err(Refusal::LeaseOtherHost)));
        assert!(matches!(leased(&Lease { lease_until: at(NOW), ..lease() }, 1), Err(Refusal::LeaseOver(_))));
    }

    #[test]
    fn an_old_snapshot_is_refused() {
        assert!(matches!(snapshot(6), Err(Refusal::Snapshot(SnapshotError::GoesBack { .. }))));
        assert!(matches!(snapshot(7), Err(Refusal::NotNewer(_))));
    }
}
