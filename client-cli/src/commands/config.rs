use std::fs;
use std::path::PathBuf;

use sallyport_client::bootstrap;
use sallyport_protocol::Bootstrap;

use crate::cli::ConfigArgs;
use crate::failure::{Failure, chain};
use crate::files;
use crate::folders::Folders;
use crate::settings::Settings;
use crate::ssh_config::{self, Names, SshConfigError};
use crate::state;
use crate::ui::Ui;

/// The names that ssh tries when it is told of none.
const DEFAULT_KEYS: [&str; 5] = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"];

/// One file as it should be; no content: it should not be.
#[derive(Debug, Eq, PartialEq)]
struct Change {
    path: PathBuf,
    content: Option<Vec<u8>>,
    mode: u32,
}

/// Writes what plain ssh needs, shows it, or takes it away.
pub(crate) fn config(args: &ConfigArgs, folders: &Folders, ui: Ui) -> Result<(), Failure> {
    let changes = if args.remove {
        if args.flat {
            return Err(Failure::new(
                "--remove takes away whichever form was written; --flat says nothing to it",
                "sallyport config --remove",
            ));
        }
        removal(folders)?
    } else {
        additions(&ask_the_ca(folders)?, args.flat, folders)?
    };
    let changes: Vec<Change> = changes.into_iter().filter(|change| !change.is_done()).collect();
    if changes.is_empty() {
        ui.say("Nothing to change.");
        return Ok(());
    }
    for change in &changes {
        if args.dry_run {
            ui.data(change.to_text());
            continue;
        }
        change.apply()?;
        let verb = if change.content.is_some() { "Wrote" } else { "Removed" };
        ui.say(format!("{verb} {}", change.path.display()));
    }
    Ok(())
}

fn ask_the_ca(folders: &Folders) -> Result<Bootstrap, Failure> {
    let ca = Settings::load(&folders.settings())?.ca.ok_or_else(|| {
        Failure::new(
            "no CA is in the configuration yet",
            "sallyport login --ca URL --ca-fingerprint SHA256:…",
        )
    })?;
    let (bootstrap, _) = super::login::runtime()?.block_on(bootstrap(&ca.url, ca.fingerprint))?;
    if bootstrap.host_domains.is_empty() || bootstrap.host_ca_keys.is_empty() {
        return Err(Failure::new(
            "this CA has no host domains, so there is no host to trust",
            "sallyport-ca init … --host-domain '*.corp.example', by your administrator; then sallyport config again",
        ));
    }
    Ok(bootstrap)
}

fn additions(bootstrap: &Bootstrap, flat: bool, folders: &Folders) -> Result<Vec<Change>, Failure> {
    let (users, text, mode) = users_file(folders)?;
    let ssh = folders.home.join(".ssh");
    let names = Names {
        known_hosts: folders.known_hosts(),
        identity: folders.identity_certificate(),
        default_keys: DEFAULT_KEYS.iter().map(|name| ssh.join(name)).filter(|path| path.exists()).collect(),
        users: ssh,
    };
    let settings = ssh_config::settings(&bootstrap.host_domains, &names).map_err(|e| refused(&e, &users))?;
    let known_hosts = ssh_config::known_hosts(&bootstrap.host_domains, &state::keys(&bootstrap.host_ca_keys));
    let include = ssh_config::include(&folders.ssh_config()).map_err(|error| refused(&error, &users))?;
    let inner = if flat { &settings } else { &include };
    let whole = ssh_config::with_block(&text, inner, flat).map_err(|error| refused(&error, &users))?;
    // What is named is there before it is named.
    Ok(vec![
        Change { path: folders.known_hosts(), content: Some(known_hosts.into_bytes()), mode: 0o600 },
        Change { path: folders.ssh_config(), content: (!flat).then(|| settings.into_bytes()), mode: 0o600 },
        Change { path: users, content: Some(whole), mode },
    ])
}

fn removal(folders: &Folders) -> Result<Vec<Change>, Failure> {
    let (users, text, mode) = users_file(folders)?;
    let rest = ssh_config::without_block(&text).map_err(|error| refused(&error, &users))?;
    // A file of which nothing is left was ours alone.
    let content = (!rest.is_empty() || text.is_empty() && users.exists()).then_some(rest);
    Ok(vec![
        Change { path: users, content, mode },
        Change { path: folders.ssh_config(), content: None, mode: 0o600 },
        Change { path: folders.known_hosts(), content: None, mode: 0o600 },
    ])
}

/// `~/.ssh/config`, wherever it really is, with its content and mode.
fn users_file(folders: &Folders) -> Result<(PathBuf, Vec<u8>, u32), Failure> {
    let path = folders.users_ssh_config();
    let cannot = |error: files::FileError| {
        Failure::because(
            "ssh's configuration cannot be edited",
            &error,
            "ls -lL ~/.ssh/config, and make it a regular file of yours; then sallyport config again",
        )
    };
    let (real, mode) = files::editable(&path).map_err(cannot)?.unwrap_or((path, 0o600));
    let text = files::read_bytes(&real).map_err(cannot)?.unwrap_or_default();
    Ok((real, text, mode))
}

fn refused(error: &SshConfigError, users: &std::path::Path) -> Failure {
    let run = match error {
        SshConfigError::Markers => {
            format!(
                "edit {}: take the lines between the sallyport marks away, marks included",
                users.display()
            )
        }
        SshConfigError::Path { .. } => {
            "export XDG_CONFIG_HOME and XDG_STATE_HOME without odd characters".into()
        }
    };
    Failure::new(chain(error), run)
}

impl Change {
    fn is_done(&self) -> bool {
        match &self.content {
            Some(content) => files::read_bytes(&self.path).is_ok_and(|found| found.as_ref() == Some(content)),
            None => fs::symlink_metadata(&self.path).is_err(),
        }
    }

    fn apply(&self) -> Result<(), Failure> {
        let done = match &self.content {
            Some(content) => files::write(&self.path, content, self.mode),
            None => files::remove(&self.path),
        };
        done.map_err(|error| {
            Failure::because(
                "not everything was written",
                &error,
                "sallyport config again, when that is settled",
            )
        })
    }

    fn to_text(&self) -> String {
        match &self.content {
            Some(content) => {
                let text = String::from_utf8_lossy(content);
                format!("# would write {}\n{}", self.path.display(), text.trim_end())
            }
            None => format!("# would remove {}", self.path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::certificate::tests::private_key;

    struct Home {
        _folder: tempfile::TempDir,
        folders: Folders,
    }

    impl Home {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let home = folder.path().canonicalize().unwrap();
            let folders = Folders { config: home.join("c/sallyport"), state: home.join("s/sallyport"), home };
            Self { _folder: folder, folders }
        }

        fn users_file(&self) -> PathBuf {
            self.folders.users_ssh_config()
        }

        fn write_users_file(&self, text: &str, mode: u32) {
            files::write(&self.users_file(), text.as_bytes(), mode).unwrap();
        }

        fn add(&self, flat: bool) {
            additions(&document(), flat, &self.folders).unwrap().iter().for_each(|c| c.apply().unwrap());
        }

        fn remove(&self) {
            removal(&self.folders).unwrap().iter().for_each(|change| change.apply().unwrap());
        }

        fn everything(&self) -> Vec<(PathBuf, String)> {
            let mut found = Vec::new();
            let mut folders = vec![self.folders.home.clone()];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                    if entry.file_type().unwrap().is_dir() {
                        folders.push(entry.path());
                    } else {
                        found.push((entry.path(), fs::read_to_string(entry.path()).unwrap()));
                    }
                }
            }
            found.sort();
            found
        }
    }

    fn document() -> Bootstrap {
        Bootstrap {
            issuer: "https://login.contoso.test".into(),
            tenant: "11111111-2222-3333-4444-555555555555".parse().unwrap(),
            client_id: "client".into(),
            device_login: "off".into(),
            user_ca_keys: vec![],
            host_ca_keys: vec![private_key(1).public_key().to_openssh().unwrap()],
            host_domains: serde_json::from_str(r#"["*.corp.test"]"#).unwrap(),
            tls_roots: vec![],
            versions: vec![1],
        }
    }

    #[test]
    fn all_of_it_goes_away_again() {
        for (text, flat) in [("Host x\n", false), ("Host x\n", true), ("", false)] {
            let home = Home::new();
            home.write_users_file(text, 0o644);
            let before = home.everything();
            home.add(flat);
            assert_ne!(home.everything(), before);
            home.remove();
            if text.is_empty() {
                assert!(home.everything().is_empty());
            } else {
                assert_eq!(home.everything(), before);
            }
        }
        let home = Home::new();
        home.add(false);
        home.remove();
        assert!(home.everything().is_empty(), "what was not there before is not there after");
    }

    #[test]
    fn twice_is_once_and_the_form_can_change() {
        let home = Home::new();
        home.write_users_file("Host x\n", 0o600);
        home.add(false);
        let once = home.everything();
        assert!(additions(&document(), false, &home.folders).unwrap().iter().all(Change::is_done));
        home.add(true);
        assert!(!home.folders.ssh_config().exists(), "the flat form needs no file of ours");
        home.add(false);
        assert_eq!(home.everything(), once);
    }

    #[test]
    fn the_users_file_keeps_its_mode_and_its_place() {
        let home = Home::new();
        let real = home.folders.home.join("dotfiles/ssh_config");
        files::write(&real, b"Host x\n", 0o640).unwrap();
        fs::create_dir(home.folders.home.join(".ssh")).unwrap();
        symlink(&real, home.users_file()).unwrap();
        home.add(false);
        assert!(fs::symlink_metadata(home.users_file()).unwrap().is_symlink());
        assert!(fs::read_to_string(&real).unwrap().contains("Include"));
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o7777, 0o640);
    }

    #[test]
    fn a_file_that_is_no_utf_8_is_edited_like_any_other() {
        let home = Home::new();
        let users = b"# caf\xe9\nHost x\n";
        files::write(&home.users_file(), users, 0o600).unwrap();
        home.add(false);
        assert!(fs::read(home.users_file()).unwrap().ends_with(users));
        assert!(additions(&document(), false, &home.folders).unwrap().iter().all(Change::is_done));
        home.remove();
        assert_eq!(fs::read(home.users_file()).unwrap(), users);
    }

    #[test]
    fn a_link_to_somewhere_odd_is_left_alone() {
        for target in ["/dev/null", "nowhere"] {
            let home = Home::new();
            fs::create_dir(home.folders.home.join(".ssh")).unwrap();
            symlink(target, home.users_file()).unwrap();
            let failure = additions(&document(), false, &home.folders).unwrap_err();
            assert!(failure.run().contains("regular file"), "{failure:?}");
            assert_eq!(fs::read_link(home.users_file()).unwrap(), PathBuf::from(target));
        }
    }

    #[test]
    fn default_keys_that_exist_are_still_offered() {
        let home = Home::new();
        files::write(&home.folders.home.join(".ssh/id_rsa"), b"", 0o600).unwrap();
        home.add(false);
        let settings = fs::read_to_string(home.folders.ssh_config()).unwrap();
        assert!(settings.contains(".ssh/id_rsa\"") && !settings.contains("id_ecdsa"), "{settings}");
    }
}
