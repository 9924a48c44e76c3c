//! `config.toml`: what a person would otherwise type again and again.

use std::path::Path;

use sallyport_client::CaUrl;
use sallyport_protocol::Fingerprint;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::files;

#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PinnedCa>,
}

/// A CA and the key that proves it to be the one.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PinnedCa {
    pub(crate) url: CaUrl,
    pub(crate) fingerprint: Fingerprint,
}

impl Settings {
    /// None yet is no settings.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let remedy = || format!("correct {}, or move it away and log in with --ca again", path.display());
        let text = files::read(path)
            .map_err(|error| Failure::because("the configuration cannot be used", &error, remedy()))?;
        let wrong = |said: String| {
            Failure::new(format!("{} is not a configuration: {said}", path.display()), remedy())
        };
        let text = text.unwrap_or_default();
        let file = toml::Deserializer::parse(&text).map_err(|error| wrong(error.message().to_owned()))?;
        serde_path_to_error::deserialize(file)
            .map_err(|error| wrong(format!("{}: {}", error.path(), error.inner().message())))
    }

    /// For somebody who has none yet, so that after a refused first login nothing has to be typed again. A CA that
    /// is remembered makes way for another only by [`Self::remember`].
    pub(crate) fn remember_first(path: &Path, ca: &PinnedCa) {
        if Self::load(path).is_ok_and(|settings| settings.ca.is_none()) {
            // What stands in the way is said after the login, which matters more.
            let _ = Self::remember(path, ca);
        }
    }

    /// Written when it says something new, so that a hand-made file stays as it is.
    pub(crate) fn remember(path: &Path, ca: &PinnedCa) -> Result<(), Failure> {
        if Self::load(path).is_ok_and(|settings| settings.ca.as_ref() == Some(ca)) {
            return Ok(());
        }
        let settings = Self { ca: Some(ca.clone()) };
        let failed = |error: &dyn std::error::Error| {
            Failure::because(
                "you are signed in, but the CA's address could not be remembered",
                error,
                format!("ls -ld {}", path.parent().unwrap_or(path).display()),
            )
        };
        let text = toml::to_string(&settings).map_err(|error| failed(&error))?;
        files::write(path, text.as_bytes(), 0o600).map_err(|error| failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinned(url: &str) -> PinnedCa {
        PinnedCa { url: url.parse().unwrap(), fingerprint: Fingerprint::of_blob(b"ca") }
    }

    #[test]
    fn what_is_remembered_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sallyport/config.toml");
        assert_eq!(Settings::load(&path).unwrap(), Settings::default());
        Settings::remember(&path, &pinned("https://ca.contoso.test")).unwrap();
        assert_eq!(Settings::load(&path).unwrap().ca, Some(pinned("https://ca.contoso.test")));
    }

    #[test]
    fn a_ca_is_remembered_before_the_first_success_and_never_replaced_before_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        Settings::remember_first(&path, &pinned("https://ca.contoso.test"));
        assert_eq!(Settings::load(&path).unwrap().ca, Some(pinned("https://ca.contoso.test")));
        Settings::remember_first(&path, &pinned("https://other.contoso.test"));
        assert_eq!(Settings::load(&path).unwrap().ca, Some(pinned("https://ca.contoso.test")));
    }

    #[test]
    fn the_same_again_leaves_the_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        Settings::remember(&path, &pinned("https://ca.contoso.test")).unwrap();
        let commented = format!("# mine\n{}", std::fs::read_to_string(&path).unwrap());
        std::fs::write(&path, &commented).unwrap();
        Settings::remember(&path, &pinned("https://ca.contoso.test")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), commented);
        Settings::remember(&path, &pinned("https://other.contoso.test")).unwrap();
        assert_eq!(Settings::load(&path).unwrap().ca, Some(pinned("https://other.contoso.test")));
    }

    #[test]
    fn a_mistake_names_the_file_and_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        for text in
            ["nonsense", "[ca]\nurl = 'http://ca.contoso.test'\nfingerprint = 'SHA256:x'", "surplus = 1"]
        {
            std::fs::write(&path, text).unwrap();
            let failure = Settings::load(&path).unwrap_err();
            assert!(failure.what().contains(path.to_str().unwrap()), "{failure:?}");
            assert!(failure.run().contains("--ca"), "{failure:?}");
        }
        for (text, field) in
            [("[ca]\nurl = 'x'", "ca.url"), ("[ca]\nurl = 'https://x'\nfingerprint = 1", "ca.fingerprint")]
        {
            std::fs::write(&path, text).unwrap();
            let failure = Settings::load(&path).unwrap_err();
            assert!(failure.what().contains(field), "{failure:?}");
        }
    }
}
