use std::path::PathBuf;

use sallyport_protocol::{Fingerprint, HostKeyProof, Namespace, SshSigError, sign_armored};
use ssh_key::PrivateKey;

use crate::disk::{self, DiskError};
use crate::paths::Paths;

/// sshd's own choice, and the order in which keys are certified when nobody says otherwise.
const KEYS: [&str; 3] = ["ssh_host_ed25519_key", "ssh_host_ecdsa_key", "ssh_host_rsa_key"];
const LARGEST_FILE: u64 = 64 * 1024;

/// sshd's own key, which speaks for its certificate.
#[derive(Clone)]
pub(crate) struct HostKey(PrivateKey);

/// sshd's `HostKey` files, in what `sshd -T` prints.
pub(crate) fn served(effective: &str) -> Vec<PathBuf> {
    effective.lines().filter_map(|line| line.strip_prefix("hostkey ")).map(PathBuf::from).collect()
}

/// What the CA is told about it.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) host_key: String,
    pub(crate) signature: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum HostKeyError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("sshd has no host key; make them with: ssh-keygen -A")]
    None,
    #[error("{} is not a private key without a passphrase", .0.display())]
    Unusable(PathBuf),
    #[error(
        "{} is an RSA key, which cannot be certified here; make another with: ssh-keygen -A, and let sshd use it: HostKey /etc/ssh/ssh_host_ed25519_key", .0.display()
    )]
    Rsa(PathBuf),
    #[error("the host key cannot sign")]
    Sign(#[from] SshSigError),
}

impl HostKey {
    /// The key to have certified: the configured one, or the best of those that sshd uses. `served`: its `HostKey`
    /// files, none where it does not say.
    pub(crate) fn load(
        paths: &Paths,
        configured: Option<&PathBuf>,
        served: &[PathBuf],
    ) -> Result<Self, HostKeyError> {
        let usual: Vec<PathBuf> = KEYS.iter().map(|key| paths.ssh_directory().join(key)).collect();
        let mut candidates = if served.is_empty() { usual } else { served.to_vec() };
        // A key elsewhere goes by its name as well, and one with a name of its own comes last.
        let rank = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            ["ed25519", "ecdsa", "rsa"].iter().position(|kind| name.contains(kind)).unwrap_or(KEYS.len())
        };
        candidates.sort_by_key(rank);
        let path = configured.cloned().or_else(|| candidates.into_iter().find(|path| path.exists()));
        Self::read(path.ok_or(HostKeyError::None)?)
    }

    /// The key that this certificate is for, when it lies where keys usually lie.
    pub(crate) fn of_certificate(paths: &Paths, line: &str) -> Option<Self> {
        let read = |name| Self::read(paths.ssh_directory().join(name)).ok();
        KEYS.iter().filter_map(read).find(|key| key.is_certified_by(line))
    }

    /// Whether this OpenSSH line certifies it. By whom, and until when, is not asked.
    pub(crate) fn is_certified_by(&self, line: &str) -> bool {
        let certificate: Result<ssh_key::Certificate, _> = line.trim().parse();
        certificate.is_ok_and(|certificate| certificate.public_key() == self.public_key().key_data())
    }

    fn read(path: PathBuf) -> Result<Self, HostKeyError> {
        let bytes = disk::read(&path, LARGEST_FILE)?.ok_or(HostKeyError::None)?;
        match PrivateKey::from_openssh(bytes) {
            // ssh-key 0.6 builds no signing key from an RSA host key (it takes one of the two primes twice).
            Ok(key) if key.algorithm().is_rsa() => Err(HostKeyError::Rsa(path)),
            Ok(key) if !key.is_encrypted() => Ok(Self(key)),
            _ => Err(HostKeyError::Unusable(path)),
        }
    }

    pub(crate) fn public_key(&self) -> &ssh_key::PublicKey {
        self.0.public_key()
    }

    /// Its word that this machine may have it certified.
    pub(crate) fn prove(&self, ca: Fingerprint, machine_key: &PrivateKey) -> Result<Proof, HostKeyError> {
        let proof = HostKeyProof {
            ca,
            machine_key: Fingerprint::of(machine_key.public_key()),
            host_key: Fingerprint::of(self.0.public_key()),
        };
        let line = self.0.public_key().to_openssh().map_err(|_| SshSigError::Sign)?;
        let signature = sign_armored(&self.0, Namespace::HostKey, &proof.message())?;
        Ok(Proof { host_key: line, signature })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use sallyport_protocol::verify_armored;
    use ssh_key::{Algorithm, LineEnding};

    use super::*;

    #[test]
    fn the_first_key_speaks_for_this_machine_and_this_ca() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::under(root.path());
        assert!(matches!(HostKey::load(&paths, None, &[]), Err(HostKeyError::None)));
        std::fs::create_dir_all(paths.ssh_directory()).unwrap();
        let mut rng = ChaCha8Rng::from_seed([42; 32]);
        let host = PrivateKey::random(&mut rng, Algorithm::Ed25519).unwrap();
        let machine = PrivateKey::random(&mut rng, Algorithm::Ed25519).unwrap();
        let text = host.to_openssh(LineEnding::LF).unwrap();
        std::fs::write(paths.ssh_directory().join("ssh_host_ed25519_key"), text.as_bytes()).unwrap();
        let ca = Fingerprint::of_blob(b"ca");
        let proof = HostKey::load(&paths, None, &[]).unwrap().prove(ca, &machine).unwrap();
        let message = HostKeyProof {
            ca,
            machine_key: Fingerprint::of(machine.public_key()),
            host_key: Fingerprint::of(host.public_key()),
        };
        verify_armored(host.public_key(), Namespace::HostKey, &message.message(), &proof.signature).unwrap();
        std::fs::write(paths.at("junk"), "junk").unwrap();
        assert!(matches!(
            HostKey::load(&paths, Some(&paths.at("junk")), &[]),
            Err(HostKeyError::Unusable(_))
        ));
    }
    #[test]
    fn the_key_is_one_that_sshd_uses() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::under(root.path());
        std::fs::create_dir_all(paths.ssh_directory()).unwrap();
        let mut rng = ChaCha8Rng::from_seed([42; 32]);
        let mut make = |name: &str| {
            let key = PrivateKey::random(&mut rng, Algorithm::Ed25519).unwrap();
            std::fs::write(paths.at(name), key.to_openssh(LineEnding::LF).unwrap().as_bytes()).unwrap();
            key.public_key().clone()
        };
        let (usual, rsa, own) =
            (make("etc/ssh/ssh_host_ed25519_key"), make("etc/ssh/ssh_host_rsa_key"), make("own_ed25519"));
        let effective = |names: &[&str]| -> String {
            let lines: Vec<_> =
                names.iter().map(|name| format!("hostkey {}", paths.at(name).display())).collect();
            lines.join("\n")
        };
        for (names, expected) in [
            (&["etc/ssh/ssh_host_rsa_key"][..], &rsa),
            (&["etc/ssh/ssh_host_rsa_key", "own_ed25519"], &own),
            (&["etc/ssh/ssh_host_ecdsa_key", "etc/ssh/ssh_host_rsa_key"], &rsa),
            (&[], &usual),
        ] {
            let key = HostKey::load(&paths, None, &served(&effective(names))).unwrap();
            assert_eq!(key.public_key(), expected, "{names:?}");
        }
    }
}
