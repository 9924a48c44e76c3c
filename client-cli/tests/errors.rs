//! What a person sees when something is wrong: two lines, an exit code, and nothing on stdout.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which are tests themselves")]

use std::fmt::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

const FINGERPRINT: &str = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

/// A home of its own, and of the environment only what is named.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The command as typed, its exit code, and both outputs with this home's path taken out.
    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_sallyport"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.path())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let mut shown = String::new();
        for (name, value) in environment {
            write!(shown, "{name}={value} ").unwrap();
        }
        writeln!(shown, "sallyport {}", arguments.join(" ")).unwrap();
        writeln!(shown, "exit {}", output.status.code().unwrap()).unwrap();
        for (name, bytes) in [("stdout", output.stdout), ("stderr", output.stderr)] {
            for line in String::from_utf8(bytes).unwrap().lines() {
                writeln!(shown, "{name}: {line}").unwrap();
            }
        }
        shown.replace(self.path().to_str().unwrap(), "[HOME]")
    }
}

/// Compares with the file beside this one; `SALLYPORT_TEST_WRITE=1` writes it anew, for `git diff` to judge.
fn assert_snapshot(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("SALLYPORT_TEST_WRITE").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{name} differs; found:\n{found}");
}

#[test]
fn what_was_typed_is_judged_first() {
    let home = Home::new();
    let ca = ["--ca", "https://ca.contoso.test", "--ca-fingerprint", FINGERPRINT];
    let login = |more: &[&str]| home.run(&[&["login"], &ca[..], more].concat(), &[]);
    let found = [
        home.run(&["login"], &[]),
        home.run(&["login", "--ca", "https://ca.contoso.test"], &[]),
        home.run(&["login"], &[("SALLYPORT_CA_FINGERPRINT", FINGERPRINT)]),
        login(&["--device", "--no-browser"]),
        login(&["--no-agent"]),
        login(&["--out", "key"]),
        login(&["--ttl", "8"]),
        login(&["--ttl", "60s"]),
        login(&["two words"]),
        home.run(&["config", "--remove", "--flat"], &[]),
        home.run(&["config"], &[]),
    ];
    assert_snapshot("typed.txt", &found.join("\n"));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "nothing was written");
}

#[test]
fn an_agent_that_is_not_there() {
    let home = Home::new();
    let ca = ["login", "--ca", "https://ca.contoso.test", "--ca-fingerprint", FINGERPRINT];
    let gone = home.path().join("agent.sock");
    let gone = [("SSH_AUTH_SOCK", gone.to_str().unwrap())];
    let found = [
        home.run(&ca, &[]),
        home.run(&ca, &gone),
        home.run(&["status"], &[]),
        home.run(&["status", "--format", "json"], &[]),
        home.run(&["status"], &gone),
        home.run(&["logout"], &[]),
        home.run(&["inspect"], &[]),
    ];
    assert_snapshot("agent.txt", &found.join("\n"));
}

/// As in a terminal multiplexer that outlived its agent.
#[test]
fn a_certificate_in_a_file_is_shown_though_no_agent_answers() {
    let home = Home::new();
    let keygen = |arguments: &[&str]| {
        let mut keygen = Command::new("ssh-keygen");
        assert!(keygen.current_dir(home.path()).arg("-q").args(arguments).status().unwrap().success());
    };
    for key in ["ca", "key"] {
        keygen(&["-t", "ed25519", "-N", "", "-f", key]);
    }
    let id = "sallyport v1 u:01JD0000000000000000000000 ada@contoso.test req=01JD0000000000000000000001";
    keygen(&["-s", "ca", "-I", id, "-n", "ada", "-z", "7", "-V", "+1h", "key.pub"]);
    let key = home.path().join("key");
    let state = format!(
        r#"{{"certificates": [{{"signing_ca": "{FINGERPRINT}", "serial": 7, "session": "s", "asked_as": null,
            "valid_until": "2999-01-01T00:00:00Z", "file": "{}"}}]}}"#,
        key.display()
    );
    home.file(".local/state/sallyport/state.json", &state);
    let gone = home.path().join("agent.sock");
    let shown = home.run(&["status"], &[("SSH_AUTH_SOCK", gone.to_str().unwrap())]);
    for part in
        ["exit 0", "stderr: no ssh-agent answers at [HOME]/agent.sock", "ada@contoso.test", "[HOME]/key"]
    {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
}

#[test]
fn files_that_are_not_what_they_should_be() {
    let home = Home::new();
    let plain = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5MoLA2VIzBb1KzEzSJVVgOEAS7Aqk0WxqwhCz6vDQv";
    let plain = home.file("id.pub", plain);
    let damaged = home.file("id-cert.pub", "ssh-ed25519-cert-v01@openssh.com AAAAIHNza");
    home.file(".config/sallyport/config.toml", "[ca]\nurl = \"http://ca.contoso.test\"\n");
    let found = [
        home.run(&["inspect", &plain], &[]),
        home.run(&["inspect", &damaged], &[]),
        home.run(&["inspect", home.path().join("none").to_str().unwrap()], &[]),
        home.run(&["inspect", "-"], &[]),
        home.run(&["login"], &[]),
    ];
    assert_snapshot("files.txt", &found.join("\n"));
}

#[test]
fn a_ca_that_does_not_answer() {
    let home = Home::new();
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let url = format!("http://127.0.0.1:{port}");
    let out = home.path().join("key");
    let arguments = ["login", "--ca", &url, "--ca-fingerprint", FINGERPRINT, "--no-agent", "--out"];
    let found = home.run(&[&arguments[..], &[out.to_str().unwrap()]].concat(), &[]);
    assert_snapshot("unreachable.txt", &found.replace(&port, "[PORT]"));
    assert!(!out.exists() && !home.path().join(".config").exists(), "nothing is remembered of a failure");
}
