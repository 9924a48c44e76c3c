//! Against OpenSSH's own ssh-agent and ssh-add.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ssh_key::private::KeypairData;

use super::*;
use crate::certificate::tests::{Made, NOW};

struct SshAgent {
    child: Child,
    folder: tempfile::TempDir,
}

impl SshAgent {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent.sock");
        let child =
            Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while !socket.exists() {
            assert!(begun.elapsed() < Duration::from_secs(10), "ssh-agent did not start");
            thread::sleep(Duration::from_millis(5));
        }
        Self { child, folder }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("agent.sock")
    }

    fn ssh_add(&self, argument: &str) -> String {
        let output =
            Command::new("ssh-add").arg(argument).env("SSH_AUTH_SOCK", self.socket()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keypair(made: &Made) -> Ed25519Keypair {
    let KeypairData::Ed25519(pair) = made.key.key_data() else { panic!("an Ed25519 key") };
    pair.clone()
}

#[test]
fn ssh_add_lists_what_we_added_until_we_take_it_away() {
    let ssh_agent = SshAgent::start();
    let made = Made::user(1, NOW, NOW + 3600);
    let mut agent = Agent::connect(&ssh_agent.socket()).unwrap();
    agent.add(&made.read(), &keypair(&made), "sallyport ada@contoso.test", 3600).unwrap();

    let listed = ssh_agent.ssh_add("-l");
    assert!(listed.contains("sallyport ada@contoso.test (ED25519-CERT)"), "{listed}");
    assert_eq!(agent.certificates().unwrap(), [made.read()]);

    agent.remove(&made.read()).unwrap();
    assert!(agent.certificates().unwrap().is_empty());
    assert!(ssh_agent.ssh_add("-l").contains("no identities"));
    assert!(matches!(agent.remove(&made.read()), Err(AgentError::Refused { .. })));
}

#[test]
fn the_agent_forgets_it_when_its_time_is_over() {
    let ssh_agent = SshAgent::start();
    let made = Made::user(1, NOW, NOW + 3600);
    let mut agent = Agent::connect(&ssh_agent.socket()).unwrap();
    agent.add(&made.read(), &keypair(&made), "short", 1).unwrap();
    let begun = Instant::now();
    while !agent.certificates().unwrap().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "still there");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn nobody_there_is_told_from_nothing_set() {
    let folder = tempfile::tempdir().unwrap();
    let error = Agent::connect(&folder.path().join("none")).unwrap_err();
    assert!(matches!(error, AgentError::Gone { .. }));
    let failure = Failure::from(error);
    assert!(failure.run().contains("ssh-agent") && failure.run().contains("--no-agent"), "{failure:?}");
}
