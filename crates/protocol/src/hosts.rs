use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use sallyport_domain::{
    Generation, HostId, HostName, PosixGroups, PosixName, Principal, Tags, Uid, UidRange, UserId,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Fingerprint, Namespace, OpenError, Signed};

/// `POST /v1/hosts/enroll`, signed (see [`crate::RequestSignature`]) by the machine key that it carries.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollRequest {
    pub token: String,
    /// The names asked for; each must lie inside the token's patterns. The first is the host's name.
    pub names: Vec<HostName>,
    /// The key that will sign this host's requests, as an OpenSSH line.
    pub machine_key: String,
    /// The sshd host key to be certified, as an OpenSSH line.
    pub host_key: String,
    /// Armoured SSHSIG by `host_key` over [`HostKeyProof::message`], namespace `sallyport-host-key-v1`.
    pub host_key_signature: String,
    /// Enrol without changing anything: report only.
    #[serde(default)]
    pub observe: bool,
}

impl fmt::Debug for EnrollRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrollRequest").field("names", &self.names).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct EnrollReply {
    pub host: HostId,
    pub name: HostName,
    pub tags: Tags,
    /// The host certificate, an OpenSSH line.
    pub certificate: String,
}

/// `POST /v1/hosts/self/certificate`: a new certificate for the names that the host already has.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HostCertificateRequest {
    pub host_key: String,
    pub host_key_signature: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct HostCertificateReply {
    pub certificate: String,
}

/// What the sshd host key signs, so that nobody has a key certified that they do not hold.
#[derive(Clone, Copy, Debug)]
pub struct HostKeyProof {
    pub ca: Fingerprint,
    pub machine_key: Fingerprint,
    pub host_key: Fingerprint,
}

impl HostKeyProof {
    /// Three lines, each ended by `\n`.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        format!("{}\n{}\n{}\n", self.ca, self.machine_key, self.host_key).into_bytes()
    }
}

/// `GET /v1/hosts/self/snapshot?after=N&wait=S`, always 200.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum SnapshotReply {
    /// A newer generation than the one asked after.
    New {
        /// A signed [`SnapshotHeader`], namespace `sallyport-snapshot-v1`.
        snapshot: Signed,
        /// The JSON of [`Content`], exactly the bytes that the header's hash is over.
        content: String,
    },
    /// Nothing newer: only the lease goes on.
    Unchanged {
        /// A signed [`Lease`], namespace `sallyport-lease-v1`.
        lease: Signed,
    },
}

/// What the CA signs of a snapshot.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct SnapshotHeader {
    pub host: HostId,
    pub generation: Generation,
    pub issued_at: Timestamp,
    pub lease_until: Timestamp,
    pub counts: Counts,
    /// Lower-case hex SHA-256 of the content's bytes.
    pub content_sha256: String,
}

/// How many of each the content holds: a shortened content cannot pass for a whole one, and none is a number too.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Counts {
    pub accounts: usize,
    pub sudo: usize,
    /// An agent from before there were groups leaves both out, here and in the content: it gives less than it is told.
    #[serde(default)]
    pub posix_groups: usize,
    /// Of people in POSIX groups other than their own.
    #[serde(default)]
    pub memberships: usize,
}

/// Everything one host must have.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
pub struct Content {
    /// Sorted by name. An account that we made and that is not in here has no access.
    pub accounts: Vec<Account>,
    /// Sorted by name: the groups that the host gets from the CA. One that we made and that is not in here is emptied
    /// and taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub posix_groups: Vec<PosixGroup>,
    /// OpenSSH lines, for `TrustedUserCAKeys`.
    pub user_ca_keys: Vec<String>,
    /// Base64 of the binary revocation list, for `RevokedKeys`.
    pub krl: String,
    /// Where the CA takes uids from: what the host reports of these numbers, it takes for nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uid_ranges: Vec<UidRange>,
}

impl Content {
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            accounts: self.accounts.len(),
            sudo: self.accounts.iter().filter(|account| account.sudo).count(),
            posix_groups: self.posix_groups.len(),
            memberships: self.accounts.iter().map(|account| account.groups.len()).sum(),
        }
    }
}

/// A group that has the same name and gid on every host that has it. Who is in it, the accounts say.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct PosixGroup {
    pub name: PosixName,
    pub gid: Uid,
}

/// One person on one host.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Account {
    pub name: PosixName,
    pub uid: Uid,
    pub user: UserId,
    /// What a person reads in `getent passwd`; a label without meaning.
    pub label: String,
    /// Who may enter the account: the ids that its principals file lists.
    pub principals: Vec<Principal>,
    /// `NOPASSWD: ALL`.
    pub sudo: bool,
    /// Of the person's own group, where it is another number than the uid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<Uid>,
    /// A local account that an administrator gave to the person on this host. Where it is, it is theirs as it stands,
    /// with its own uid, home, shell and `authorized_keys`, and nothing else is made for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<PosixName>,
    /// Groups beside the person's own. The managed ones stand in [`Content::posix_groups`].
    #[serde(default, skip_serializing_if = "PosixGroups::is_empty")]
    pub groups: PosixGroups,
}

impl Account {
    #[must_use]
    pub fn gid(&self) -> Uid {
        self.gid.unwrap_or(self.uid)
    }
}

/// "Nothing new": a fresh word of the CA that the host may go on with what it has.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Lease {
    pub host: HostId,
    /// The generation that the host said it has.
    pub generation: Generation,
    /// The nonce of the request's Authorization header: an old answer cannot be played again.
    pub nonce: String,
    pub issued_at: Timestamp,
    pub lease_until: Timestamp,
}

/// `POST /v1/hosts/self/report`. Believed of this host only, and shown as *said by the host*.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub applied: Generation,
    pub lease_until: Option<Timestamp>,
    /// The agent's version.
    pub agent: String,
    pub problems: Vec<ReportProblem>,
    /// What a new person may not be called or numbered here; absent where the account files cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<LocalNames>,
}

impl Report {
    /// Bytes of JSON that a CA takes at least.
    pub const LARGEST: usize = 60 * 1024;
    /// More problems are not kept: a host with so many has one problem, itself.
    pub const MOST_PROBLEMS: usize = 100;
    /// Says that there are more.
    const MORE: &'static str = "more_problems";

    /// The report as it is sent: with as many problems as the CA takes, of each kind one at least as far as that goes,
    /// and how many more there are. A report that is too large would never arrive, and the host be thought behind.
    #[must_use]
    pub fn fitting(mut self) -> Self {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut ranked: Vec<(usize, ReportProblem)> = Vec::with_capacity(self.problems.len());
        for problem in std::mem::take(&mut self.problems) {
            let nth = seen.entry(problem.code.clone()).or_default();
            ranked.push((*nth, problem));
            *nth += 1;
        }
        let all = ranked.len();
        let mut kept = if all > Self::MOST_PROBLEMS { Self::MOST_PROBLEMS - 1 } else { all };
        let mut by_rank: Vec<usize> = (0..all).collect();
        by_rank.sort_by_key(|place| ranked.get(*place).map(|(nth, _)| *nth));
        loop {
            let chosen: BTreeSet<usize> = by_rank.iter().take(kept).copied().collect();
            let told = ranked.iter().enumerate().filter(|(place, _)| chosen.contains(place));
            self.problems = told.map(|(_, (_, problem))| problem.clone()).collect();
            if kept < all {
                let detail = format!("{} more; on the host: sallyport-host status", all - kept);
                self.problems.push(ReportProblem { code: Self::MORE.to_owned(), detail });
            }
            let length = serde_json::to_string(&self).map_or(0, |text| text.len());
            if length <= Self::LARGEST || kept == 0 {
                return self;
            }
            kept /= 2;
        }
    }
}

/// Local accounts and groups that we did not make: their names, and their numbers in the CA's ranges.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LocalNames {
    /// Sorted, each once, as are the ids. Names that are reserved anyway are left out.
    pub names: Vec<PosixName>,
    pub ids: Vec<Uid>,
}

impl LocalNames {
    /// More of either are not taken: a host with so many has a directory of its own.
    pub const MOST: usize = 1_000;
}

#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct ReportProblem {
    /// Stable, such as `uid_conflict` or `snapshot_refused`.
    pub code: String,
    pub detail: String,
}

/// Why a snapshot or lease is not accepted. The last good state stays.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("the snapshot's content is not what its signature covers")]
    ContentHash,
    #[error("the snapshot's content does not parse")]
    ContentJson(#[source] serde_json::Error),
    #[error("the snapshot says {signed:?} and holds {found:?}")]
    Counts { signed: Counts, found: Counts },
    #[error("generation {offered} is behind {applied}, which is applied")]
    GoesBack { applied: Generation, offered: Generation },
    #[error("the lease ended at {0}")]
    LeaseOver(Timestamp),
    #[error("the snapshot is not signed by the CA")]
    NotSigned(#[source] OpenError),
    #[error("the snapshot is for another host")]
    OtherHost,
}

/// Checks a snapshot from the outside in: signature, host, direction, lease, hash, counts.
///
/// # Errors
/// [`SnapshotError`] with the first thing that is wrong. A count of 0 is valid when it is signed.
pub fn open_snapshot(
    snapshot: &Signed,
    content: &str,
    trusted: Fingerprint,
    host: HostId,
    applied: Generation,
    now: Timestamp,
) -> Result<(SnapshotHeader, Content), SnapshotError> {
    let header: SnapshotHeader =
        snapshot.open(trusted, Namespace::Snapshot).map_err(SnapshotError::NotSigned)?;
    if header.host != host {
        return Err(SnapshotError::OtherHost);
    }
    if header.generation < applied {
        return Err(SnapshotError::GoesBack { applied, offered: header.generation });
    }
    if header.lease_until <= now {
        return Err(SnapshotError::LeaseOver(header.lease_until));
    }
    if sha256_hex(content.as_bytes()) != header.content_sha256 {
        return Err(SnapshotError::ContentHash);
    }
    let content: Content = serde_json::from_str(content).map_err(SnapshotError::ContentJson)?;
    if content.counts() != header.counts {
        return Err(SnapshotError::Counts { signed: header.counts, found: content.counts() });
    }
    Ok((header, content))
}

/// Lower-case hex of SHA-256.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    use fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use ssh_key::{Algorithm, PrivateKey};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    struct Case {
        key: PrivateKey,
        header: SnapshotHeader,
        content: String,
    }

    impl Case {
        fn new() -> Self {
            let mut rng = ChaCha8Rng::from_seed([42; 32]);
            let key = PrivateKey::random(&mut rng, Algorithm::Ed25519).unwrap();
            let content = serde_json::to_string(&Content::default()).unwrap();
            let header = SnapshotHeader {
                host: HostId::generate(at(1_000), &mut rng),
                generation: Generation::new(7),
                issued_at: at(1_000),
                lease_until: at(2_000),
                counts: Content::default().counts(),
                content_sha256: sha256_hex(content.as_bytes()),
            };
            Self { key, header, content }
        }

        fn open(
            &self,
            host: HostId,
            applied: u64,
            now: i64,
        ) -> Result<(SnapshotHeader, Content), SnapshotError> {
            let signed = Signed::seal(&self.header, &self.key, Namespace::Snapshot).unwrap();
            let trusted = Fingerprint::of(self.key.public_key());
            open_snapshot(&signed, &self.content, trusted, host, Generation::new(applied), at(now))
        }
    }

    #[test]
    fn a_report_fits_whatever_is_wrong_and_tells_of_each_kind() {
        let report = |problems: Vec<ReportProblem>| Report {
            applied: Generation::new(7),
            lease_until: None,
            agent: "1".into(),
            problems,
            local: None,
        };
        let problem = |code: &str, detail: String| ReportProblem { code: code.into(), detail };
        let few: Vec<_> = (0..100).map(|n| problem("name_taken", n.to_string())).collect();
        assert_eq!(report(few.clone()).fitting().problems, few);

        let mut many: Vec<_> = (0..5_000).map(|n| problem("name_taken", n.to_string())).collect();
        many.push(problem("sudo_missing", "no sudo".into()));
        let told = report(many).fitting().problems;
        assert_eq!(told.len(), 100);
        assert_eq!(told.last().map(|more| more.code.as_str()), Some("more_problems"));
        assert_eq!(told.last().map(|more| more.detail.split(' ').next()), Some(Some("4902")));
        assert!(told.iter().any(|problem| problem.code == "sudo_missing"));
        assert_eq!(told.first().map(|first| first.detail.as_str()), Some("0"));

        let long = (0..300).map(|n| problem("step_failed", "x".repeat(5_000 + n))).collect();
        let told = report(long).fitting();
        assert!(told.problems.len() > 5);
        assert!(serde_json::to_string(&told).unwrap().len() <= Report::LARGEST);
        let absurd = report(vec![problem("step_failed", "x".repeat(100_000))]).fitting();
        assert_eq!(
            absurd.problems,
            [problem("more_problems", "1 more; on the host: sallyport-host status".into())]
        );
    }

    #[test]
    fn a_signed_snapshot_of_nobody_is_valid() {
        let case = Case::new();
        let (header, content) = case.open(case.header.host, 7, 1_500).unwrap();
        assert_eq!((header.counts.accounts, content.accounts.len()), (0, 0));
    }

    #[test]
    fn every_way_to_be_wrong_has_its_name() {
        let case = Case::new();
        let host = case.header.host;
        let other = HostId::generate(at(1), &mut ChaCha8Rng::from_seed([1; 32]));
        assert!(matches!(case.open(other, 7, 1_500), Err(SnapshotError::OtherHost)));
        assert!(matches!(case.open(host, 8, 1_500), Err(SnapshotError::GoesBack { .. })));
        assert!(matches!(case.open(host, 7, 2_000), Err(SnapshotError::LeaseOver(_))));
        let altered = Case { content: case.content.replace("[]", "[ ]"), ..Case::new() };
        assert!(matches!(altered.open(altered.header.host, 7, 1_500), Err(SnapshotError::ContentHash)));
        let wrong: [fn(&mut Counts); 4] = [
            |counts| counts.accounts = 3,
            |counts| counts.sudo = 1,
            |counts| counts.posix_groups = 1,
            |counts| counts.memberships = 1,
        ];
        for wrong in wrong {
            let mut miscounted = Case::new();
            wrong(&mut miscounted.header.counts);
            assert!(matches!(
                miscounted.open(miscounted.header.host, 7, 1_500),
                Err(SnapshotError::Counts { .. })
            ));
        }
    }

    /// What a CA from before there were groups sends: none of their members.
    #[test]
    fn a_content_without_groups_is_one_of_no_groups() {
        let text = r#"{"accounts":[],"user_ca_keys":[],"krl":""}"#;
        let content: Content = serde_json::from_str(text).unwrap();
        let counts: Counts = serde_json::from_str(r#"{"accounts":0,"sudo":0}"#).unwrap();
        assert_eq!(content.counts(), counts);
        // And nobody is told of groups where there are none.
        assert_eq!(serde_json::to_string(&content).unwrap(), text);
    }
}
