use std::fs;

use sallyport_client::Ca;
use sallyport_domain::{HostId, Tags};
use sallyport_protocol::{Fingerprint, Signed};

use super::*;
use crate::lease;
use crate::state::{Applied, StoredSnapshot};
use crate::testing::{NOW, TestHost, at, read};

/// An agent on the host, enrolled, that has applied something.
fn enrolled(host: &TestHost, seed: &[u8]) -> (Agent, Enrolment) {
    use rand::SeedableRng;
    let agent = Agent::new(host.paths.clone());
    let (url, fingerprint) = ("https://ca.contoso.test".parse().unwrap(), Fingerprint::of_blob(b"ca"));
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

#[test]
fn a_lease_has_lapsed_where_none_is_known_that_goes_on() {
    let host = TestHost::new();
    let (agent, enrolment) = enrolled(&host, b"a");
    assert!(agent.has_lapsed(&enrolment, at(NOW)));
    assert!(!agent.has_lapsed(&Enrolment { observe: true, ..enrolment.clone() }, at(NOW)));
    // A lost word is not an end: what our own files say is.
    grant(&host, at(NOW + 1));
    agent.step(&enrolment, Vec::new(), at(NOW)).unwrap();
    assert!(host.paths.principals_of("ada").exists());
}
