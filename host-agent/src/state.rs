//! What the host remembers between runs: /var/lib/sallyport-host, root's alone.

use std::path::PathBuf;

use jiff::Timestamp;
use sallyport_client::Ca;
use sallyport_domain::{Generation, HostId, HostName, Tags};
use sallyport_protocol::{
    Content, Lease, Namespace, OpenError, ReportProblem, Signed, SnapshotError, SnapshotHeader, open_snapshot,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ssh_key::{LineEnding, PrivateKey};

use crate::accounts::Ledger;
use crate::disk::{self, Access, Disk, DiskError};
use crate::paths::Paths;
use crate::sshd::Trial;

const LARGEST_FILE: u64 = 64 * 1024 * 1024;

const LEDGER: &str = "accounts.json";
const TRIAL: &str = "sshd-trial.json";

/// Space kept back, so that taking access away still works on a full disk.
const SPARE: usize = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error("{} is damaged", path.display())]
    Damaged {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{} is damaged; run: sallyport-host leave, and enroll again", path.display())]
    Enrolment {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("the machine key in {} is damaged; run: sallyport-host leave, and enroll again", .0.display())]
    Key(PathBuf),
    #[error("{} is damaged; build it anew from what stands on this host: sallyport-host recover", path.display())]
    Ledger {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("the lease in the state directory does not hold")]
    Lease(#[source] OpenError),
    #[error("this host is not enrolled; run: sallyport-host enroll --ca URL --ca-fingerprint F --token T")]
    NotEnrolled,
    #[error("the snapshot in the state directory does not hold")]
    Snapshot(#[source] SnapshotError),
}

/// Who this host is to its CA.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Enrolment {
    pub(crate) ca: Ca,
    pub(crate) host: HostId,
    pub(crate) name: HostName,
    pub(crate) tags: Tags,
    pub(crate) host_ca_keys: Vec<String>,
    /// Only look and report.
    pub(crate) observe: bool,
}

/// A snapshot as it came, so that its signature can be checked again whenever it is read.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct StoredSnapshot {
    pub(crate) snapshot: Signed,
    pub(crate) content: String,
}

/// What the CA said and is yet to be written down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    pub(crate) lease: Option<Signed>,
    pub(crate) snapshot: Option<StoredSnapshot>,
}

impl Words {
    pub(crate) fn is_empty(&self) -> bool {
        self.lease.is_none() && self.snapshot.is_none()
    }
}

impl StoredSnapshot {
    /// Whether the bytes are still those that were taken. Its lease was good then, and is not asked about here.
    fn verify(&self, enrolment: &Enrolment) -> Result<(SnapshotHeader, Accepted), StateError> {
        let trusted = enrolment.ca.fingerprint();
        let not_signed = |error| StateError::Snapshot(SnapshotError::NotSigned(error));
        let header: SnapshotHeader = self.snapshot.open(trusted, Namespace::Snapshot).map_err(not_signed)?;
        let then = header.issued_at;
        let (header, content) =
            open_snapshot(&self.snapshot, &self.content, trusted, enrolment.host, Generation::ZERO, then)
                .map_err(StateError::Snapshot)?;
        let accepted = Accepted { generation: header.generation, content, lease_until: header.lease_until };
        Ok((header, accepted))
    }

    pub(crate) fn open(&self, enrolment: &Enrolment) -> Result<Accepted, StateError> {
        self.verify(enrolment).map(|(_, accepted)| accepted)
    }
}

/// The CA's last word that held.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) generation: Generation,
    pub(crate) content: Content,
    pub(crate) lease_until: Timestamp,
}

/// What was done last, for `status` and for the report.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
pub(crate) struct Applied {
    pub(crate) generation: Generation,
    pub(crate) problems: Vec<ReportProblem>,
}

impl Applied {
    /// Once something was applied, somebody may have access even where no file of ours is left to tell.
    pub(crate) fn had_access(&self) -> bool {
        self.generation > Generation::ZERO
    }
}

#[derive(Clone, Debug)]
pub(crate) struct State {
    directory: PathBuf,
}

impl State {
    pub(crate) fn new(paths: &Paths) -> Self {
        Self { directory: paths.state() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StateError> {
        let path = self.at(name);
        let Some(bytes) = disk::read(&path, LARGEST_FILE)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|source| StateError::Damaged { path, source })
    }

    fn write<T: Serialize>(&self, disk: &Disk, name: &str, value: &T) -> Result<(), StateError> {
        let path = self.at(name);
        let mut bytes = serde_json::to_vec_pretty(value)
            .map_err(|source| StateError::Damaged { path: path.clone(), source })?;
        bytes.push(b'\n');
        self.write_bytes(disk, name, &bytes)
    }

    fn write_bytes(&self, disk: &Disk, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        disk::directory(&self.directory, 0o700)?;
        Ok(disk.replace(&self.at(name), bytes, Access::Mode(0o600))?)
    }

    pub(crate) fn enrolment(&self) -> Result<Enrolment, StateError> {
        match self.read("enrolment.json") {
            Err(StateError::Damaged { path, source }) => Err(StateError::Enrolment { path, source }),
            read => read?.ok_or(StateError::NotEnrolled),
        }
    }

    pub(crate) fn save_enrolment(&self, disk: &Disk, enrolment: &Enrolment) -> Result<(), StateError> {
        self.write(disk, "enrolment.json", enrolment)
    }

    pub(crate) fn machine_key(&self) -> Result<Option<PrivateKey>, StateError> {
        let path = self.at("machine_key");
        let Some(bytes) = disk::read(&path, LARGEST_FILE)? else { return Ok(None) };
        PrivateKey::from_openssh(bytes).map(Some).map_err(|_| StateError::Key(path))
    }

    pub(crate) fn save_machine_key(&self, disk: &Disk, key: &PrivateKey) -> Result<(), StateError> {
        let text = key.to_openssh(LineEnding::LF).map_err(|_| StateError::Key(self.at("machine_key")))?;
        self.write_bytes(disk, "machine_key", text.as_bytes())
    }

    /// Accounts that we made. A damaged file is an error, never an empty ledger; whether it is right that there is
    /// none, the account files tell: see `Seen`.
    pub(crate) fn ledger(&self) -> Result<Ledger, StateError> {
        match self.read(LEDGER) {
            Err(StateError::Damaged { path, source }) => Err(StateError::Ledger { path, source }),
            read => Ok(read?.unwrap_or_default()),
        }
    }

    pub(crate) fn has_ledger(&self) -> bool {
        self.at(LEDGER).exists()
    }

    /// Keeps what cannot be read under another name, for whoever wants to look.
    pub(crate) fn set_damaged_ledger_aside(&self) -> Result<PathBuf, DiskError> {
        let (path, aside) = (self.at(LEDGER), self.at("accounts.json.damaged"));
        std::fs::rename(&path, &aside).map_err(|source| DiskError::new("rename", &path, source))?;
        Ok(aside)
    }

    pub(crate) fn save_ledger(&self, disk: &Disk, ledger: &Ledger) -> Result<(), StateError> {
        self.write(disk, LEDGER, ledger)
    }

    pub(crate) fn applied(&self) -> Result<Applied, StateError> {
        Ok(self.read("applied.json")?.unwrap_or_default())
    }

    pub(crate) fn save_applied(&self, disk: &Disk, applied: &Applied) -> Result<(), StateError> {
        self.write(disk, "applied.json", applied)
    }

    /// The change of sshd's files that is not proved yet.
    pub(crate) fn trial(&self) -> Result<Option<Trial>, StateError> {
        self.read(TRIAL)
    }

    pub(crate) fn save_trial(&self, disk: &Disk, trial: &Trial) -> Result<(), StateError> {
        self.write(disk, TRIAL, trial)
    }

    pub(crate) fn end_trial(&self, disk: &Disk) -> Result<(), DiskError> {
        let path = self.at(TRIAL);
        if !path.exists() {
            return Ok(());
        }
        disk::remove(&path).and_then(|()| disk.sync_directory(&path))
    }

    /// The OpenSSH line of the host certificate that the CA gave.
    pub(crate) fn host_certificate(&self) -> Result<Option<String>, StateError> {
        let bytes = disk::read(&self.at("host-certificate.pub"), LARGEST_FILE)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    pub(crate) fn save_host_certificate(&self, disk: &Disk, line: &str) -> Result<(), StateError> {
        self.write_bytes(disk, "host-certificate.pub", line.as_bytes())
    }

    /// Keeps what the CA said last. On a full disk the spare space is given up for it; where even that does not help,
    /// the word of before is taken away, so that a restart does not grant again what was just taken.
    pub(crate) fn save_words(&self, disk: &Disk, words: &Words) -> Result<(), StateError> {
        let save = || -> Result<(), StateError> {
            if let Some(snapshot) = &words.snapshot {
                self.write(disk, "snapshot.json", snapshot)?;
            }
            match &words.lease {
                Some(lease) => self.write(disk, "lease.json", lease),
                None => Ok(()),
            }
        };
        let saved = match save() {
            Err(StateError::Disk(error)) if error.is_disk_full() && self.release_spare() => save(),
            result => result,
        };
        if saved.is_err() && words.snapshot.is_some() {
            disk::remove(&self.at("snapshot.json"))?;
        }
        saved
    }

    /// The last word of the CA, its signatures checked again. Its lease may be over: that is for the caller to see.
    /// What could not be written stands in `unsaved`.
    pub(crate) fn accepted(
        &self,
        enrolment: &Enrolment,
        unsaved: &Words,
    ) -> Result<Option<Accepted>, StateError> {
        let stored = match &unsaved.snapshot {
            Some(snapshot) => Some(snapshot.clone()),
            None => self.read::<StoredSnapshot>("snapshot.json")?,
        };
        let Some(stored) = stored else { return Ok(None) };
        let lease = match &unsaved.lease {
            Some(lease) => Some(lease.clone()),
            None => self.read::<Signed>("lease.json")?,
        };
        let (header, mut accepted) = stored.verify(enrolment)?;
        if let Some(signed) = lease {
            let trusted = enrolment.ca.fingerprint();
            let lease: Lease = signed.open(trusted, Namespace::Lease).map_err(StateError::Lease)?;
            let about_this = lease.host == enrolment.host && lease.generation == header.generation;
            if about_this && lease.issued_at >= header.issued_at {
                accepted.lease_until = lease.lease_until;
            }
        }
        Ok(Some(accepted))
    }

    /// Sets the spare space aside; on a full disk it is simply not there.
    pub(crate) fn fill_spare(&self, disk: &Disk) {
        if !self.at("spare").exists() {
            let filled = self.write_bytes(disk, "spare", &vec![0x5a; SPARE]);
            if let Err(error) = filled {
                tracing::debug!(%error, "no spare space was set aside");
            }
        }
    }

    /// Gives the spare space back; `false` when there was none.
    pub(crate) fn release_spare(&self) -> bool {
        let path = self.at("spare");
        path.exists() && disk::remove(&path).is_ok()
    }

    /// Forgets the CA, but not which accounts are ours.
    pub(crate) fn forget(&self) -> Result<(), DiskError> {
        for name in [
            "snapshot.json",
            "lease.json",
            "applied.json",
            "host-certificate.pub",
            "machine_key",
            "enrolment.json",
        ] {
            disk::remove(&self.at(name))?;
        }
        Ok(())
    }
}
