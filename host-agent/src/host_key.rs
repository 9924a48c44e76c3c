use std::path::PathBuf;

use sallyport_protocol::{Fingerprint, HostKeyProof, Namespace, SshSigError, sign_armored};
use ssh_key::PrivateKey;

use crate::disk::{self, DiskError};
use crate::paths::Paths;

/// In the order in which they are certified when nobody says otherwise.
const KEYS: [&str; 3] = ["ssh_host_ed25519_key", "ssh_host_ecdsa_key", "ssh_host_rsa_key"];
const LARGEST_FILE: u64 = 64 * 1024;

/// sshd's own key, which speaks for its certificate.
#[derive(Clone)]
pub(crate) struct HostKey(PrivateKey);

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
    #[error("the host key cannot sign")]
    Sign(#[from] SshSigError),
}

impl HostKey {
    pub(crate) fn load(paths: &Paths, configured: Option<&PathBuf>) -> Result<Self, HostKeyError> {
        let usual = || KEYS.iter().map(|key| paths.ssh_directory().join(key)).find(|path| path.exists());
        let path = configured.cloned().or_else(usual).ok_or(HostKeyError::None)?;
        let bytes = disk::read(&path, LARGEST_FILE)?.ok_or(HostKeyError::None)?;
        match PrivateKey::from_openssh(bytes) {
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
        assert!(matches!(HostKey::load(&paths, None), Err(HostKeyError::None)));
        std::fs::create_dir_all(paths.ssh_directory()).unwrap();
        let mut rng = ChaCha8Rng::from_seed([42; 32]);
        let host = PrivateKey::random(&mut rng, Algorithm::Ed25519).unwrap();
        let machine = PrivateKey::random(&mut rng, Algorithm::Ed25519).unwrap();
        let text = host.to_openssh(LineEnding::LF).unwrap();
        std::fs::write(paths.ssh_directory().join("ssh_host_ed25519_key"), text.as_bytes()).unwrap();
        let ca = Fingerprint::of_blob(b"ca");
        let proof = HostKey::load(&paths, None).unwrap().prove(ca, &machine).unwrap();
        let message = HostKeyProof {
            ca,
            machine_key: Fingerprint::of(machine.public_key()),
            host_key: Fingerprint::of(host.public_key()),
        };
        verify_armored(host.public_key(), Namespace::HostKey, &message.message(), &proof.signature).unwrap();
        std::fs::write(paths.at("junk"), "junk").unwrap();
        assert!(matches!(HostKey::load(&paths, Some(&paths.at("junk"))), Err(HostKeyError::Unusable(_))));
    }
}
