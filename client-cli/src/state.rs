//! What this program remembers between runs. All of it can be had again: a damaged file is an empty one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use sallyport_protocol::{Bootstrap, Fingerprint};
use serde::{Deserialize, Serialize};
use ssh_key::PublicKey;

use crate::certificate::Certificate;
use crate::failure::Failure;
use crate::files;
use crate::folders::Folders;
use crate::lock;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct State {
    /// By the fingerprint of the identity key.
    #[serde(default)]
    cas: BTreeMap<Fingerprint, KnownCa>,
    #[serde(default)]
    certificates: Vec<Record>,
}

/// What a CA's signed bootstrap document said last.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct KnownCa {
    /// Fingerprints of the keys that sign user certificates.
    user_ca_keys: Vec<Fingerprint>,
}

/// A certificate that a login brought, and what only the CA's answer said of it.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub(crate) struct Record {
    pub(crate) signing_ca: Fingerprint,
    pub(crate) serial: u64,
    pub(crate) session: String,
    /// The address that was typed, which may be another than the directory's.
    pub(crate) asked_as: Option<String>,
    pub(crate) valid_until: Timestamp,
    /// Where the key was written, when it is not in an agent.
    pub(crate) file: Option<PathBuf>,
}

impl State {
    pub(crate) fn load(folders: &Folders) -> Self {
        let text = files::read(&folders.state_file()).ok().flatten().unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Reads, changes and writes under a lock; records whose time is over are forgotten.
    pub(crate) fn change(
        folders: &Folders,
        now: Timestamp,
        change: impl FnOnce(&mut Self),
    ) -> Result<(), Failure> {
        let _lock = lock::state(&folders.state)?;
        let mut state = Self::load(folders);
        change(&mut state);
        state.certificates.retain(|record| record.valid_until > now);
        let path = folders.state_file();
        let text = serde_json::to_vec_pretty(&state).unwrap_or_default();
        files::write(&path, &text, 0o600).map_err(|error| {
            Failure::because(
                "what this login brought could not be noted down",
                &error,
                format!("ls -ld {}, and make it yours", folders.state.display()),
            )
        })
    }

    pub(crate) fn learn(&mut self, ca: Fingerprint, bootstrap: &Bootstrap) {
        let user_ca_keys = keys(&bootstrap.user_ca_keys).iter().map(Fingerprint::of).collect();
        self.cas.insert(ca, KnownCa { user_ca_keys });
    }

    pub(crate) fn note(&mut self, record: Record) {
        self.certificates.retain(|other| other.file.is_none() || other.file != record.file);
        self.certificates.push(record);
    }

    /// The keys that sign user certificates of the CA; none when nothing was ever learnt of it.
    pub(crate) fn signing_keys(&self, ca: Fingerprint) -> &[Fingerprint] {
        self.cas.get(&ca).map_or(&[], |known| &known.user_ca_keys)
    }

    pub(crate) fn session(&self, certificate: &Certificate) -> Option<&str> {
        self.record(certificate).map(|record| record.session.as_str())
    }

    pub(crate) fn asked_as(&self, certificate: &Certificate) -> Option<&str> {
        self.record(certificate).and_then(|record| record.asked_as.as_deref())
    }

    fn record(&self, certificate: &Certificate) -> Option<&Record> {
        let signing_ca = certificate.signing_ca();
        let of = |record: &&Record| record.serial == certificate.serial && record.signing_ca == signing_ca;
        self.certificates.iter().find(of)
    }

    pub(crate) fn records(&self) -> &[Record] {
        &self.certificates
    }
}

/// The plain keys among OpenSSH lines; a line that is none is nobody's key.
pub(crate) fn keys(lines: &[String]) -> Vec<PublicKey> {
    lines.iter().filter_map(|line| line.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::tests::{Made, NOW, at};

    fn folders(folder: &tempfile::TempDir) -> Folders {
        let path = folder.path().to_owned();
        Folders { config: path.join("c"), state: path.join("s"), home: path }
    }

    fn record(serial: u64, valid_until: i64) -> Record {
        let signing_ca = Made::user(serial, NOW, NOW + 60).read().signing_ca();
        let session = format!("session {serial}");
        Record { signing_ca, serial, session, asked_as: None, valid_until: at(valid_until), file: None }
    }

    #[test]
    fn sessions_are_found_until_their_certificate_ends() {
        let folder = tempfile::tempdir().unwrap();
        let folders = folders(&folder);
        State::change(&folders, at(NOW), |state| {
            state.note(record(1, NOW + 60));
            state.note(record(2, NOW + 600));
        })
        .unwrap();
        let certificate = Made::user(1, NOW, NOW + 60).read();
        assert_eq!(State::load(&folders).session(&certificate), Some("session 1"));
        State::change(&folders, at(NOW + 60), |_| {}).unwrap();
        assert_eq!(State::load(&folders).session(&certificate), None);
        assert_eq!(State::load(&folders).records(), [record(2, NOW + 600)]);
    }

    #[test]
    fn a_damaged_file_heals() {
        let folder = tempfile::tempdir().unwrap();
        let folders = folders(&folder);
        files::write(&folders.state_file(), b"{damaged", 0o600).unwrap();
        assert!(State::load(&folders).records().is_empty());
        State::change(&folders, at(NOW), |state| state.note(record(1, NOW + 60))).unwrap();
        assert_eq!(State::load(&folders).records().len(), 1);
    }
}
