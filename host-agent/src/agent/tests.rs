use std::fs;

use sallyport_client::Ca;
use sallyport_domain::{HostId, Tags};
use sallyport_protocol::{
    Content, Fingerprint, Lease, Namespace, Signed, SnapshotHeader, SnapshotReply, sha256_hex,
};

use super::*;
use crate::disk::Disk;
use crate::lease;
use crate::state::{Applied, StoredSnapshot};
use crate::testing::{NOW, TestHost, at, key, read};

/// An agent on the host, enrolled, that has applied something.
fn enrolled(host: &TestHost, seed: &[u8]) -> (Agent, Enrolment) {
    use rand::SeedableRng;
    let agent = Agent::new(host.paths.clone());
    let (url, fingerprint) =
        ("https://ca.contoso.test".parse().unwrap(), Fingerprint::of(key(1).public_key()));
    Config::write(&host.paths, &host.disk, &url, fingerprint).unwrap();
    let mut rng = rand_chacha::ChaCha8Rng::from_seed([seed.len().try_into().unwrap(); 32]);
    let enrolment = Enrolment {
        ca: Ca::new(url, fingerprint, Vec::new()),
        host: HostId::generate(at(NOW), &mut rng),
        name: "web.contoso.test".parse().unwrap(),
        tags: Tags::default(),
        host_ca_keys: Vec::new(),
        observe: false,
    };
    host.state.save_enrolment(&host.disk, &enrolment).unwrap();
    let applied = Applied { generation: Generation::new(5), problems: Vec::new() };
    host.state.save_applied(&host.disk, &applied).unwrap();
    (agent, enrolment)
}

fn heard() -> Words {
    let snapshot = Signed { signed: String::new(), key: String::new(), signature: String::new() };
    Words { lease: None, snapshot: Some(StoredSnapshot { snapshot, content: String::new() }) }
}

fn grant(host: &TestHost, lease: Timestamp) {
    fs::create_dir_all(host.paths.principals()).unwrap();
    fs::write(host.paths.principals_of("ada"), lease::header(lease)).unwrap();
}

#[test]
fn a_host_without_its_snapshot_keeps_to_the_written_lease() {
    let host = TestHost::new();
    let (agent, enrolment) = enrolled(&host, b"a");
    for damage in [None, Some("{")] {
        if let Some(text) = damage {
            fs::write(host.paths.state().join("snapshot.json"), text).unwrap();
        }
        grant(&host, at(NOW));
        agent.step(&enrolment, Vec::new(), at(NOW - 1)).unwrap();
        assert!(host.paths.principals_of("ada").exists());
        let done = agent.step(&enrolment, Vec::new(), at(NOW)).unwrap();
        assert!(!host.paths.principals_of("ada").exists(), "{damage:?}");
        assert_eq!(done.applied.generation, Generation::new(5));
        assert!(done.applied.problems.iter().any(|problem| problem.code == "lease_over"));
    }
    grant(&host, at(NOW));
    let observing = Enrolment { observe: true, ..enrolment };
    host.state.save_enrolment(&host.disk, &observing).unwrap();
    agent.step(&observing, Vec::new(), at(NOW)).unwrap();
    assert!(host.paths.principals_of("ada").exists(), "an observer changed something");
}

#[test]
fn what_was_heard_before_leave_is_not_brought_about_after_it() {
    let host = TestHost::new();
    let (agent, enrolment) = enrolled(&host, b"a");
    *agent.unsaved() = heard();
    // What `leave` does, between an answer and the step that follows it.
    fs::remove_file(host.paths.config()).unwrap();
    host.state.forget().unwrap();
    let gone = agent.step(&enrolment, Vec::new(), at(NOW)).unwrap_err();
    assert!(gone.is_not_enrolled(), "{gone}");
    assert!(agent.unsaved().is_empty());
    assert!(agent.keep_ca(&enrolment).unwrap_err().is_not_enrolled());
    for file in ["snapshot.json", "enrolment.json", "applied.json"] {
        assert_eq!(read(host.paths.state().join(file)), "", "{file}");
    }
}

#[test]
fn what_was_heard_from_a_former_ca_does_not_count_for_the_next() {
    let host = TestHost::new();
    let (agent, former) = enrolled(&host, b"a");
    *agent.unsaved() = heard();
    let (_, next) = enrolled(&host, b"bb");
    agent.step(&former, Vec::new(), at(NOW)).unwrap();
    assert!(agent.unsaved().is_empty());
    assert_eq!(read(host.paths.state().join("snapshot.json")), "");
    assert_eq!(agent.keep_ca(&former).unwrap().host, next.host);
    assert_eq!(agent.enrolment().unwrap().host, next.host);
}

#[test]
fn enforce_is_not_undone_by_what_the_ca_says_of_itself() {
    let host = TestHost::new();
    let (agent, live) = enrolled(&host, b"a");
    let stale = Enrolment { observe: true, host_ca_keys: vec!["new".into()], ..live };
    let kept = agent.keep_ca(&stale).unwrap();
    assert!(!kept.observe && kept.host_ca_keys == ["new"]);
}

const NONCE: &str = "0123456789abcdef";

fn snapshot(enrolment: &Enrolment, until: i64) -> SnapshotReply {
    let content = serde_json::to_string(&Content::default()).unwrap();
    let header = SnapshotHeader {
        host: enrolment.host,
        generation: Generation::new(6),
        issued_at: at(NOW),
        lease_until: at(until),
        counts: Content::default().counts(),
        content_sha256: sha256_hex(content.as_bytes()),
    };
    SnapshotReply::New { snapshot: Signed::seal(&header, &key(1), Namespace::Snapshot).unwrap(), content }
}

fn nothing_new(enrolment: &Enrolment, until: i64) -> SnapshotReply {
    let lease = Lease {
        host: enrolment.host,
        generation: Generation::new(6),
        nonce: NONCE.into(),
        issued_at: at(NOW + 1),
        lease_until: at(until),
    };
    SnapshotReply::Unchanged { lease: Signed::seal(&lease, &key(1), Namespace::Lease).unwrap() }
}

/// As another process sees it.
fn has_access(host: &TestHost, now: i64) -> bool {
    Agent::new(host.paths.clone()).lapse(at(now)).unwrap();
    host.paths.principals_of("ada").exists()
}

#[test]
fn what_is_received_holds_lapse_off_before_any_step_is_taken() {
    let host = TestHost::new();
    let (agent, enrolment) = enrolled(&host, b"a");
    let heard = |reply, asked| {
        agent.receive(&enrolment, reply, Generation::new(asked), NONCE.into(), at(NOW)).unwrap();
    };
    grant(&host, at(NOW));
    heard(snapshot(&enrolment, NOW + 60), 5);
    assert!(has_access(&host, NOW + 59));
    heard(nothing_new(&enrolment, NOW + 600), 6);
    assert!(has_access(&host, NOW + 599));
    assert!(!host.paths.lease_note().exists());
    assert!(!has_access(&host, NOW + 600));
}

#[test]
fn a_lease_that_the_state_directory_does_not_take_holds_lapse_off() {
    let host = TestHost::new();
    let (mut agent, enrolment) = enrolled(&host, b"a");
    let asked = |generation| (Generation::new(generation), NONCE.to_owned());
    let (after, nonce) = asked(5);
    agent.receive(&enrolment, snapshot(&enrolment, NOW + 60), after, nonce, at(NOW)).unwrap();
    let state = host.paths.state();
    agent.disk = Disk::failing(move |_, path| {
        if path.starts_with(&state) { Err(std::io::ErrorKind::ReadOnlyFilesystem.into()) } else { Ok(()) }
    });
    let (after, nonce) = asked(6);
    agent.receive(&enrolment, nothing_new(&enrolment, NOW + 600), after, nonce, at(NOW)).unwrap();
    assert_eq!(Agent::new(host.paths.clone()).position(&enrolment).lease_until, Some(at(NOW + 60)));
    // Not written in /etc either: the host's memory tells.
    grant(&host, at(NOW + 60));
    assert!(has_access(&host, NOW + 599));
    // And where only /etc tells.
    fs::remove_file(host.paths.lease_note()).unwrap();
    grant(&host, at(NOW + 600));
    assert!(has_access(&host, NOW + 599));
    assert!(!has_access(&host, NOW + 600));
    // What was written later is what counts.
    let (after, nonce) = asked(6);
    agent.receive(&enrolment, nothing_new(&enrolment, NOW + 700), after, nonce, at(NOW)).unwrap();
    assert!(host.paths.lease_note().exists());
    agent.disk = Disk::new();
    assert!(agent.save_words().is_none());
    assert!(!host.paths.lease_note().exists());
}

#[test]
fn lapse_ends_the_written_lease_whatever_else_is_lost() {
    type Damage = fn(&TestHost) -> std::io::Result<()>;
    let damages: [(&str, Damage); 6] = [
        ("enrolment", |host| fs::write(host.paths.state().join("enrolment.json"), "{")),
        ("no enrolment", |host| fs::remove_file(host.paths.state().join("enrolment.json"))),
        ("no configuration", |host| fs::remove_file(host.paths.config())),
        ("another CA", |host| {
            fs::write(host.paths.config(), "ca = \"https://ca.contoso.test\"\nca_fingerprint = \"\"\n")
        }),
        ("the whole state", |host| fs::remove_dir_all(host.paths.state())),
        ("snapshot", |host| fs::write(host.paths.state().join("snapshot.json"), "{")),
    ];
    for (what, damage) in damages {
        let host = TestHost::new();
        let (agent, enrolment) = enrolled(&host, b"a");
        let reply = snapshot(&enrolment, NOW + 60);
        agent.receive(&enrolment, reply, Generation::new(5), NONCE.into(), at(NOW)).unwrap();
        grant(&host, at(NOW + 60));
        damage(&host).unwrap();
        let applied = read(host.paths.state().join("applied.json"));
        assert!(has_access(&host, NOW + 59), "{what}");
        let over = agent.lapse(at(NOW + 60)).unwrap();
        assert!(!over.failed && over.problems.len() == 1, "{what}: {:?}", over.problems);
        assert!(!host.paths.principals_of("ada").exists(), "{what}");
        // There is nothing left to do, and nothing is said.
        let again = agent.lapse(at(NOW + 360)).unwrap();
        assert!(!again.failed && again.problems.is_empty(), "{what}: {:?}", again.problems);
        // What `status` says is for `run` to say.
        assert_eq!(read(host.paths.state().join("applied.json")), applied, "{what}");
    }
}

#[test]
fn lapse_takes_nothing_from_a_host_that_only_observes_or_has_left() {
    let host = TestHost::new();
    let (agent, enrolment) = enrolled(&host, b"a");
    host.state.save_enrolment(&host.disk, &Enrolment { observe: true, ..enrolment }).unwrap();
    grant(&host, at(NOW));
    assert!(has_access(&host, NOW));
    fs::remove_file(host.paths.principals_of("ada")).unwrap();
    fs::remove_file(host.paths.config()).unwrap();
    host.state.forget().unwrap();
    assert!(agent.lapsed(at(NOW)).is_none());
}

#[test]
fn what_is_received_after_leave_is_not_kept() {
    let host = TestHost::new();
    let (agent, former) = enrolled(&host, b"a");
    let reply = || snapshot(&former, NOW + 60);
    let after = Generation::new(5);
    fs::remove_file(host.paths.config()).unwrap();
    host.state.forget().unwrap();
    let gone = agent.receive(&former, reply(), after, NONCE.into(), at(NOW)).unwrap_err();
    assert!(gone.is_not_enrolled(), "{gone}");
    enrolled(&host, b"bb");
    agent.receive(&former, reply(), after, NONCE.into(), at(NOW)).unwrap();
    assert!(agent.unsaved().is_empty());
    assert_eq!(read(host.paths.state().join("snapshot.json")), "");
}
