use std::path::{Path, PathBuf};

use sallyport_client::CaUrl;
use sallyport_protocol::Fingerprint;
use serde::Deserialize;

use crate::disk::{self, Access, Disk, DiskError};
use crate::paths::Paths;

const LARGEST_FILE: u64 = 64 * 1024;

/// /etc/sallyport-host.toml: what an administrator decides. Everything else is in the state directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) ca: CaUrl,
    /// Of the CA's identity key: everything that this host believes is signed by it.
    pub(crate) ca_fingerprint: Fingerprint,
    /// The sshd host key that is certified; by default the first of Ed25519, ECDSA and RSA that is there.
    #[serde(default)]
    pub(crate) host_key: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{} is not there; this host is not enrolled, run: sallyport-host enroll --ca URL --ca-fingerprint F --token T", .0.display())]
    Missing(PathBuf),
    #[error("{} is not as it should be; correct it, or run: sallyport-host leave, and enroll again", path.display())]
    Wrong {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
}

impl Config {
    pub(crate) fn read(paths: &Paths) -> Result<Self, ConfigError> {
        let path = paths.config();
        let bytes = disk::read(&path, LARGEST_FILE)?.ok_or_else(|| ConfigError::Missing(path.clone()))?;
        Self::parse(&path, &String::from_utf8_lossy(&bytes))
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text)
            .map_err(|source| ConfigError::Wrong { path: path.to_path_buf(), source: Box::new(source) })
    }

    pub(crate) fn write(
        paths: &Paths,
        disk: &Disk,
        ca: &CaUrl,
        fingerprint: Fingerprint,
    ) -> Result<(), DiskError> {
        let text = format!(
            "# Written by sallyport-host enroll.\n\
             # The CA's address may be changed. Its fingerprint is who it is: another one is another CA.\n\
             ca = \"{ca}\"\n\
             ca_fingerprint = \"{fingerprint}\"\n\
             # host_key = \"/etc/ssh/ssh_host_ed25519_key\"\n"
        );
        disk.replace(&paths.config(), text.as_bytes(), Access::Mode(0o644))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "ca = \"https://ca.contoso.test\"\n\
        ca_fingerprint = \"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\"\n";

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("/etc/sallyport-host.toml"), text)
    }

    #[test]
    fn a_mistake_names_the_file_the_field_and_the_remedy() {
        for (bad, field) in [
            (GOOD.replace("https", "ftp"), "ca ="),
            (GOOD.replace("SHA256:", "MD5:"), "ca_fingerprint"),
            (format!("{GOOD}observ = true\n"), "observ"),
            (GOOD.lines().next().unwrap().to_owned(), "ca_fingerprint"),
        ] {
            let text = crate::problem::chain(&parse(&bad).unwrap_err());
            for part in ["/etc/sallyport-host.toml", field, "enroll again"] {
                assert!(text.contains(part), "{part} is not in: {text}");
            }
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::under(root.path());
        std::fs::create_dir_all(paths.etc()).unwrap();
        assert!(matches!(Config::read(&paths), Err(ConfigError::Missing(_))));
        let good = parse(GOOD).unwrap();
        Config::write(&paths, &Disk::new(), &good.ca, good.ca_fingerprint).unwrap();
        let read = Config::read(&paths).unwrap();
        assert_eq!((read.ca, read.ca_fingerprint), (good.ca, good.ca_fingerprint));
    }
}
