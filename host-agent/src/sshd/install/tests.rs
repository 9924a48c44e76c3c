use super::super::trial::take_back;
use super::*;
use crate::state::State;
use crate::tools::fake::FakeTools;

const CERTIFICATE: &str = "ssh-ed25519-cert-v01@openssh.com AAAAIHNz\n";

struct Bench {
    _root: tempfile::TempDir,
    paths: Paths,
    disk: Disk,
    state: State,
    tools: FakeTools,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::under(root.path());
        for directory in [paths.drop_ins(), paths.trust()] {
            fs::create_dir_all(directory).unwrap();
        }
        fs::write(paths.sshd_config(), "Include /etc/ssh/sshd_config.d/*.conf\n").unwrap();
        fs::write(paths.host_certificate(), CERTIFICATE).unwrap();
        let tools = FakeTools { drop_in: Some(paths.drop_in()), ..FakeTools::default() };
        Self { _root: root, disk: Disk::new(), state: State::new(&paths), paths, tools }
    }

    fn site(&self) -> Site<'_, FakeTools> {
        let Self { paths, disk, tools, state, .. } = self;
        Site { paths, disk, tools, state }
    }

    fn install(&self) -> Result<(), SshdError> {
        install(&self.site(), &render(true), Some("ada"))
    }

    fn shows(&mut self, blob: &str) {
        self.tools.shown = Some(Shown::Certificate(blob.into()));
    }

    /// The state in which a process died that had just put this drop-in in place.
    fn die_with(&self, drop_in: &str) {
        let died = try_out(&self.site(), Place::DropIn, drop_in.as_bytes(), || {
            fs::copy(self.paths.state().join("sshd-trial.json"), self.paths.at("record")).unwrap();
            Ok(())
        });
        died.unwrap();
        fs::copy(self.paths.at("record"), self.paths.state().join("sshd-trial.json")).unwrap();
    }
}

#[test]
fn the_drop_in_is_tried_aside_then_in_place_then_loaded_then_looked_at() {
    let mut bench = Bench::new();
    bench.shows("AAAAIHNz");
    bench.install().unwrap();
    assert_eq!(fs::read(bench.paths.drop_in()).unwrap(), render(true));
    let calls = bench.tools.calls();
    assert_eq!(calls.len(), 5, "{calls:?}");
    assert!(calls[1].contains("scratch-sshd/sshd_config"), "{calls:?}");
    assert_eq!(calls[3..], ["reload", "shown ed25519"]);
    assert!(!bench.paths.state().join("scratch-sshd").exists());
    assert!(bench.state.trial().unwrap().is_none());
}

#[test]
fn a_configuration_that_fails_in_place_is_taken_back() {
    let mut bench = Bench::new();
    bench.tools.sshd_refuses_while = Some(bench.paths.drop_in());
    let error = bench.install().unwrap_err();
    assert!(matches!(error, SshdError::Refused(_)), "{error}");
    assert!(!bench.paths.drop_in().exists());
}

#[test]
fn a_configuration_without_effect_is_taken_back() {
    let mut bench = Bench::new();
    fs::write(bench.paths.drop_in(), "old\n").unwrap();
    bench.tools.effective = Some("authorizedprincipalsfile none\n".into());
    let error = bench.install().unwrap_err();
    assert!(matches!(error, SshdError::Shadowed(_)), "{error}");
    assert_eq!(fs::read(bench.paths.drop_in()).unwrap(), b"old\n");
}

#[test]
fn a_certificate_that_nobody_gets_to_see_takes_the_drop_in_back() {
    let mut bench = Bench::new();
    bench.tools.shown = Some(Shown::Nothing);
    let error = bench.install().unwrap_err();
    assert!(error.to_string().contains("shows none instead of the host certificate"), "{error}");
    assert!(!bench.paths.drop_in().exists());
    bench.shows("BBBB");
    assert!(matches!(bench.install(), Err(SshdError::NotShown("another one"))));
    assert!(!bench.paths.drop_in().exists());
    assert_eq!(bench.tools.calls().last().unwrap(), "revive", "sshd was not told");
    // Who cannot be asked, or does not run, holds nothing back; nor does a drop-in without a certificate.
    for shown in [Shown::Unknown("ssh-keyscan is not there".into()), Shown::Nobody] {
        bench.tools.shown = Some(shown);
        bench.install().unwrap();
    }
    bench.tools.shown = Some(Shown::Nothing);
    install(&bench.site(), &render(false), None).unwrap();
}

#[test]
fn a_renewed_certificate_that_is_not_shown_gives_way_to_the_one_of_before() {
    let mut bench = Bench::new();
    let certificate = |bench: &Bench| fs::read_to_string(bench.paths.host_certificate()).unwrap();
    bench.shows("AAAAIHNz");
    let next = CERTIFICATE.replace("AAAAIHNz", "AAAANEXT");
    assert!(matches!(renew(&bench.site(), next.as_bytes()), Err(SshdError::NotShown(_))));
    assert_eq!(certificate(&bench), CERTIFICATE);
    bench.shows("AAAANEXT");
    renew(&bench.site(), next.as_bytes()).unwrap();
    assert_eq!(certificate(&bench), next);
    assert!(bench.state.trial().unwrap().is_none());
}

#[test]
fn what_a_dead_process_left_unproved_is_taken_back_once() {
    let bench = Bench::new();
    for before in [None, Some("old\n")] {
        match before {
            Some(text) => fs::write(bench.paths.drop_in(), text).unwrap(),
            None => drop(fs::remove_file(bench.paths.drop_in())),
        }
        bench.die_with("unproved\n");
        assert_eq!(fs::read_to_string(bench.paths.drop_in()).unwrap(), "unproved\n");
        assert!(take_back(&bench.site()).unwrap());
        assert_eq!(fs::read_to_string(bench.paths.drop_in()).ok().as_deref(), before);
        assert_eq!(bench.tools.calls().last().unwrap(), "revive");
        assert!(!take_back(&bench.site()).unwrap());
    }
}

#[test]
fn a_taking_back_that_sshd_was_not_told_of_is_repeated() {
    let mut bench = Bench::new();
    bench.die_with("unproved\n");
    bench.tools.sshd_refuses_while = Some(bench.paths.sshd_config());
    assert!(matches!(take_back(&bench.site()), Err(SshdError::NotBack(_))));
    assert!(!bench.paths.drop_in().exists());
    bench.tools.sshd_refuses_while = None;
    assert!(take_back(&bench.site()).unwrap());
}

#[test]
fn a_record_that_cannot_be_read_takes_our_part_out() {
    let bench = Bench::new();
    bench.die_with("unproved\n");
    fs::write(bench.paths.state().join("sshd-trial.json"), "{").unwrap();
    assert!(take_back(&bench.site()).unwrap());
    assert!(!bench.paths.drop_in().exists());
}

#[test]
fn without_a_record_or_a_watchman_nothing_is_changed() {
    let mut bench = Bench::new();
    bench.tools.no_watchman = true;
    assert!(matches!(bench.install(), Err(SshdError::Unwatched(_))));
    assert!(!bench.paths.drop_in().exists() && bench.state.trial().unwrap().is_none());
    bench.tools.no_watchman = false;
    bench.disk = Disk::failing(|_, path| {
        let is_record = path.to_string_lossy().contains("sshd-trial");
        if is_record { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    });
    assert!(matches!(bench.install(), Err(SshdError::State(_))));
    assert!(!bench.paths.drop_in().exists());
}

#[test]
fn a_broken_sshd_and_lists_of_others_are_left_alone() {
    let mut bench = Bench::new();
    bench.tools.sshd_refuses_while = Some(bench.paths.sshd_config());
    assert!(matches!(bench.install(), Err(SshdError::BrokenBefore(_))));
    bench.tools.sshd_refuses_while = None;
    bench.tools.effective = Some("trustedusercakeys /etc/ssh/ca.pub\n".into());
    assert!(matches!(bench.install(), Err(SshdError::Conflict(_))));
    assert!(!bench.paths.drop_in().exists());
}

#[test]
fn leaving_says_when_it_is_sshd_that_is_broken_without_us() {
    let mut bench = Bench::new();
    uninstall(&bench.site()).unwrap();
    bench.install().unwrap();
    bench.tools.sshd_refuses_while = Some(bench.paths.sshd_config());
    assert!(matches!(uninstall(&bench.site()), Err(SshdError::BrokenBefore(_))));
    assert!(bench.paths.drop_in().exists());
}

#[test]
fn leaving_takes_it_out_and_loads() {
    let bench = Bench::new();
    bench.install().unwrap();
    bench.die_with("unproved\n");
    uninstall(&bench.site()).unwrap();
    assert!(!bench.paths.drop_in().exists() && bench.state.trial().unwrap().is_none());
    assert_eq!(bench.tools.calls().last().unwrap(), "reload");
    uninstall(&bench.site()).unwrap();
}
