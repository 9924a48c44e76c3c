//! Where key and certificate are kept: the ssh-agent, or files when the person says so.

use std::path::{Path, PathBuf};

use ssh_key::LineEnding;
use ssh_key::private::KeypairData;

use crate::agent::Agent;
use crate::certificate::{Certificate, Standing};
use crate::commands::Obtained;
use crate::failure::Failure;
use crate::files::{self, FileError};
use crate::folders::Folders;
use crate::intent::Keep;
use crate::ui::Ui;

#[derive(Debug)]
pub(crate) enum Place {
    Agent(Agent),
    /// Absolute.
    File(PathBuf),
}

impl Place {
    /// Finds out before anybody signs in that there is no place, or that it is taken.
    pub(crate) fn open(keep: &Keep) -> Result<Self, Failure> {
        match keep {
            Keep::Agent => Ok(Self::Agent(Agent::from_environment()?)),
            Keep::File(path) => {
                let path = std::path::absolute(path).map_err(|error| {
                    Failure::because(
                        format_args!("--out {}", path.display()),
                        &error,
                        "sallyport login --no-agent --out FILE",
                    )
                })?;
                refuse_foreign(&path)?;
                files::try_place(&path).map_err(not_kept)?;
                Ok(Self::File(path))
            }
        }
    }

    pub(crate) fn certificates(&mut self) -> Result<Vec<Certificate>, Failure> {
        match self {
            Self::Agent(agent) => Ok(agent.certificates()?),
            Self::File(path) => Ok(in_file(path).into_iter().collect()),
        }
    }

    pub(crate) fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Agent(_) => None,
            Self::File(path) => Some(path.clone()),
        }
    }

    pub(crate) fn keep(&mut self, obtained: &Obtained, folders: &Folders, ui: Ui) -> Result<(), Failure> {
        match self {
            Self::Agent(agent) => into_agent(agent, obtained, folders, ui),
            Self::File(path) => into_files(path, obtained),
        }
    }
}

/// The ended ones go first, the good older ones only when the new one is really there.
fn into_agent(agent: &mut Agent, obtained: &Obtained, folders: &Folders, ui: Ui) -> Result<(), Failure> {
    let KeypairData::Ed25519(pair) = obtained.key.key_data() else {
        return Err(Failure::new("the key is of another kind than was made", "sallyport login again"));
    };
    let new = &obtained.certificate;
    let signers = obtained.signers();
    let of_this_ca = |held: &Certificate| held.is_ours() && signers.contains(&held.signing_ca());
    let (ended, older): (Vec<_>, Vec<_>) = agent
        .certificates()?
        .into_iter()
        .filter(of_this_ca)
        .partition(|held| held.standing(obtained.now) == Standing::Ended);
    for held in &ended {
        agent.remove(held)?;
    }
    let until = obtained.reply.valid_until.as_second();
    let lifetime = u32::try_from(until.saturating_sub(obtained.now.as_second())).unwrap_or(u32::MAX);
    let comment = format!("sallyport {}", new.person().unwrap_or_default());
    agent.add(new, pair, &comment, lifetime)?;
    for held in &older {
        agent.remove(held)?;
    }
    // Only convenience hangs on it: ssh finds the key in the agent without.
    let noted = files::write(&folders.identity_certificate(), line(obtained).as_bytes(), 0o600);
    if let Err(error) = noted {
        ui.say(format!("{}; ssh may offer other keys first", crate::failure::chain(&error)));
    }
    Ok(())
}

fn into_files(path: &Path, obtained: &Obtained) -> Result<(), Failure> {
    let unwritable = |error: ssh_key::Error| {
        Failure::because("the key could not be written down", &error, "sallyport login again")
    };
    let private = obtained.key.to_openssh(LineEnding::LF).map_err(unwritable)?;
    let public = obtained.key.public_key().to_openssh().map_err(unwritable)? + "\n";
    files::write(path, private.as_bytes(), 0o600).map_err(not_kept)?;
    files::write(&beside(path, ".pub"), public.as_bytes(), 0o644).map_err(not_kept)?;
    files::write(&certificate_beside(path), line(obtained).as_bytes(), 0o644).map_err(not_kept)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err calls")]
fn not_kept(error: FileError) -> Failure {
    Failure::because("the key could not be kept", &error, "sallyport login --no-agent --out FILE, elsewhere")
}

fn line(obtained: &Obtained) -> String {
    format!("{}\n", obtained.reply.certificate.trim())
}

/// A key of somebody else's making is never overwritten, not even with --force.
fn refuse_foreign(path: &Path) -> Result<(), Failure> {
    let there = |path: &Path| std::fs::symlink_metadata(path).is_ok();
    let taken = there(path) || there(&beside(path, ".pub")) || there(&certificate_beside(path));
    if !taken || in_file(path).is_some_and(|certificate| certificate.is_ours()) {
        return Ok(());
    }
    Err(Failure::new(
        format!("{} is there, and was not written by sallyport", path.display()),
        "sallyport login --no-agent --out FILE, with a name that is free",
    ))
}

fn in_file(path: &Path) -> Option<Certificate> {
    let text = files::read(&certificate_beside(path)).ok().flatten()?;
    Certificate::from_line(text.trim()).ok()
}

/// `FILE-cert.pub`, where ssh looks for the certificate of the key in `FILE`.
pub(crate) fn certificate_beside(path: &Path) -> PathBuf {
    beside(path, "-cert.pub")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use sallyport_domain::HostPatterns;
    use sallyport_protocol::{Bootstrap, IssueUserReply};

    use super::*;
    use crate::certificate::tests::{Made, NOW, at};

    fn obtained() -> Obtained {
        let made = Made::user(5, NOW, NOW + 3600);
        Obtained {
            certificate: made.read(),
            reply: IssueUserReply {
                certificate: made.line(),
                serial: 5,
                valid_until: at(NOW + 3600),
                principals: made.read().principals,
                session: "s".into(),
            },
            bootstrap: Bootstrap {
                issuer: String::new(),
                tenant: "11111111-2222-3333-4444-555555555555".parse().unwrap(),
                client_id: String::new(),
                device_login: "off".into(),
                user_ca_keys: vec![],
                host_ca_keys: vec![],
                host_domains: HostPatterns::default(),
                tls_roots: vec![],
                versions: vec![1],
            },
            key: made.key,
            now: at(NOW),
        }
    }

    #[test]
    fn three_files_that_ssh_keygen_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id");
        into_files(&path, &obtained()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let derived =
            std::process::Command::new("ssh-keygen").arg("-y").arg("-f").arg(&path).output().unwrap();
        let derived = String::from_utf8(derived.stdout).unwrap();
        assert_eq!(derived.trim(), fs::read_to_string(folder.path().join("id.pub")).unwrap().trim());
        assert_eq!(in_file(&path), Some(obtained().certificate));
    }

    #[test]
    fn a_place_that_cannot_be_written_is_found_out_before_anybody_signs_in() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        for place in ["/proc/id".into(), folder.path().join("file/id"), "/proc/new/folder/id".into()] {
            let failure = Place::open(&Keep::File(place.clone())).unwrap_err();
            assert!(failure.what().contains("could not be kept: cannot write"), "{failure:?}");
            assert!(failure.what().contains(&place.display().to_string()), "{failure:?}");
        }
        let new = folder.path().join("new/folder/id");
        assert!(Place::open(&Keep::File(new)).is_ok());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "trying leaves nothing");
    }

    #[test]
    fn somebody_elses_key_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["id", "id.pub", "id-cert.pub"] {
            let path = folder.path().join(name);
            fs::write(&path, "mine").unwrap();
            let keep = Keep::File(folder.path().join("id"));
            assert!(Place::open(&keep).unwrap_err().what().contains("not written by sallyport"), "{name}");
            fs::remove_file(path).unwrap();
        }
        let path = folder.path().join("id");
        into_files(&path, &obtained()).unwrap();
        assert!(Place::open(&Keep::File(path)).is_ok(), "our own may be replaced");
    }
}
