//! `sallyport-host` on real hosts: real accounts, sudo and sshd, against a CA that says what the test wants.

mod hard_times;
mod lost_ledger;
mod mini_ca;
mod strangers;
mod trials;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use sallyport_tests::{Host, Lab, PATIENCE, Process, Ssh, wait_until};
use serde_json::Value;

use self::mini_ca::{Engineer, MiniCa, Road, TOKEN};

/// Seconds of a lease in which even a busy machine comes to something.
const ROOMY: i64 = 600;
/// `TimeoutStopSec=` of the packaged unit.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// A lab with one host that is enrolled, and its CA.
struct Stage {
    // In the order in which they end.
    agent: Option<Process>,
    host: Host,
    ca: MiniCa,
    lab: Lab,
}

impl Stage {
    fn enrolled() -> Result<Self> {
        let lab = Lab::new()?;
        let mut host = lab.host("web")?;
        host.start_sshd()?;
        let ca = MiniCa::start(lab.gateway())?;
        let stage = Self { agent: None, host, ca, lab };
        stage.enroll(&[])?.ok()?;
        Ok(stage)
    }

    fn enroll(&self, more: &[&str]) -> Result<sallyport_tests::Outcome> {
        let (url, fingerprint) = (self.ca.url(), self.ca.fingerprint());
        let mut line = vec!["enroll", "--ca", &url, "--ca-fingerprint", &fingerprint, "--token", TOKEN];
        line.extend(more);
        self.agent(&line)
    }

    /// An engineer, who is not granted anything yet.
    fn engineer(&self, name: &'static str, uid: u32) -> Result<Engineer> {
        self.ca.engineer(self.lab.folder(), name, uid)
    }

    fn agent(&self, arguments: &[&str]) -> Result<sallyport_tests::Outcome> {
        let line: Vec<&str> = std::iter::once("sallyport-host").chain(arguments.iter().copied()).collect();
        self.host.exec(&line)
    }

    fn run(&mut self) -> Result<()> {
        self.agent = Some(self.host.spawn("agent", &["sallyport-host", "run"])?);
        Ok(())
    }

    /// Grants exactly this, and waits until the host says so.
    fn grant(&self, people: &[&Engineer]) -> Result<()> {
        let generation = self.ca.grant(people);
        self.ca.applied(generation, PATIENCE).map(drop)
    }

    /// ssh with the person's certificate; the host has to show one of the CA, too.
    fn ssh(&self, person: &Engineer) -> Result<Ssh> {
        let trusted = self.ca.known_hosts(self.lab.folder())?;
        Ok(Ssh::to(&self.host, person.name).identity(&person.identity).known_hosts(&trusted))
    }

    fn status(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.agent(&["status", "--format", "json"])?.ok()?)?)
    }

    fn expiry(&self, name: &str) -> Result<String> {
        let row = self.host.exec_ok(&["getent", "shadow", name])?;
        Ok(row.split(':').nth(7).context("a short row")?.to_owned())
    }

    /// root's own key, which is to work whatever happens to us.
    fn break_glass(&self) -> Result<Ssh> {
        let key = self.lab.folder().join("break-glass");
        let mut keygen = std::process::Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key);
        ensure!(keygen.status()?.success());
        self.host.write_file("/root/.ssh/authorized_keys", std::fs::read(key.with_extension("pub"))?)?;
        self.host.sh("chmod 700 /root /root/.ssh")?;
        Ok(Ssh::to(&self.host, "root").identity(&key))
    }

    /// What must hold at any instant, whatever was killed or full.
    fn files_are_whole(&self) -> Result<()> {
        // -r: only look. Orphans in shadow are no damage, so their complaint is not one either.
        self.host.sh("getent passwd root | grep -q ^root:x:0:0: && [ \"$(tail -c1 /etc/passwd | od -An -c)\" = '  \\n' ]")?;
        self.host.sh("awk -F: 'NF!=7{exit 1}' /etc/passwd; awk -F: 'NF!=9{exit 1}' /etc/shadow; awk -F: 'NF!=4{exit 1}' /etc/group /etc/gshadow")?;
        self.host.sh("cut -d: -f1 /etc/passwd | while read -r name; do grep -q \"^$name:\" /etc/shadow || exit 1; done")?;
        self.host.sh("cut -d: -f1 /etc/passwd | sort | uniq -d | grep . && exit 1; true")?;
        self.host.exec_ok(&["visudo", "-c", "-q"])?;
        self.host.exec_ok(&["/usr/sbin/sshd", "-t"]).map(drop)
    }
}

#[test]
fn a_granted_person_enters_has_sudo_and_is_out_seconds_after_the_word() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    stage.run()?;
    let ada = stage.engineer("ada", 70_001)?.with_sudo();
    let bob = stage.engineer("bob.b", 70_002)?;
    stage.grant(&[&ada, &bob])?;

    let said = stage.ssh(&ada)?.run("id -un; id -u; pwd; sudo -n id -u")?.ok()?;
    assert_eq!(said, "ada\n70001\n/home/ada\n0");
    stage.ssh(&bob)?.run("true")?.ok()?;
    stage.ssh(&bob)?.run("sudo -n true")?.refused()?;
    // A key left in the home opens nothing.
    stage.host.sh("install -d -o ada -g ada -m 700 /home/ada/.ssh")?;
    let key = std::fs::read_to_string(&bob.identity)?;
    stage.host.write_file("/tmp/key", key)?;
    stage.host.sh("chmod 600 /tmp/key; ssh-keygen -y -f /tmp/key >/home/ada/.ssh/authorized_keys; chown ada: /home/ada/.ssh/authorized_keys")?;
    Ssh::to(&stage.host, "ada").identity(&bob.identity).run("true")?.refused()?;

    // Nor can somebody keep the agent from its work by holding what it locks.
    stage.ssh(&bob)?.run("flock --nonblock /run/sallyport-host.lock true")?.refused()?;
    let mut session =
        stage.ssh(&ada)?.session("session", "echo here; sudo -n sh -c 'echo root; sleep 300'")?;
    session.wait_for_line("root", PATIENCE)?;
    stage.grant(&[&bob])?;
    session.wait(PATIENCE).context("the live session went on")?;
    stage.ssh(&ada)?.run("true")?.refused()?;
    stage.ssh(&bob)?.run("true")?.ok()?;
    ensure!(!stage.host.exists("/etc/sudoers.d/50-sallyport"));
    ensure!(!stage.host.exists("/etc/ssh/sallyport/principals/ada"));
    assert_eq!(stage.expiry("ada")?, "1");
    stage.host.sh("test -d /home/ada && [ $(stat -c %u /home/ada) = 70001 ]")?;
    let left = stage.host.sh("ps -o pid= -u 70001 | grep . || true")?;
    ensure!(left.is_empty(), "left behind: {left}");

    stage.grant(&[&ada, &bob])?;
    let said = stage.ssh(&ada)?.run("id -u; sudo -n id -u")?.ok()?;
    assert_eq!(said, "70001\n0");
    assert_eq!(stage.expiry("ada")?, "");
    let status = stage.status()?;
    assert_eq!(status["state"], "live");
    assert_eq!(status["generation"], status["applied_generation"]);
    assert_eq!(status["problems"], Value::Array(Vec::new()));
    stage.files_are_whole()
}

#[test]
fn nobody_else_is_touched_and_break_glass_keys_go_on_working() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    let root = stage.break_glass()?;
    stage
        .host
        .sh("useradd -m frank; useradd -m -u 70002 squatter; groupadd ops; echo '# mine' >>/etc/passwd")?;
    let rows = "grep -E '^(root|frank|squatter|ops|# mine)' /etc/passwd /etc/shadow /etc/group /etc/gshadow";
    let before = stage.host.sh(rows)?;
    stage.run()?;
    let people = [("frank", 70_001), ("bob", 70_002), ("ops", 70_003), ("ada", 70_004)];
    let people: Vec<Engineer> =
        people.iter().map(|(n, uid)| stage.engineer(n, *uid)).collect::<Result<_>>()?;
    let generation = stage.ca.grant(&people.iter().collect::<Vec<_>>());
    let report = stage.ca.applied(generation, PATIENCE)?;
    let codes: Vec<&str> = report.problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["name_taken", "name_taken", "uid_conflict"], "{:?}", report.problems);
    stage.ssh(&people[3])?.run("true")?.ok()?;
    stage.ssh(&people[0])?.run("true")?.refused()?;
    assert_eq!(stage.host.sh(rows)?, before);
    root.run("true")?.ok()?;
    Ok(())
}

#[test]
fn a_later_drop_in_does_not_beat_ours() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    stage.host.write_file(
        "/etc/ssh/sshd_config.d/99-x.conf",
        "AuthorizedPrincipalsFile none\nMatch User ada\n    AuthorizedPrincipalsFile none\n    AuthorizedKeysFile .ssh/authorized_keys\n",
    )?;
    stage.run()?;
    let ada = stage.engineer("ada", 70_001)?;
    stage.grant(&[&ada])?;
    stage.ssh(&ada)?.run("true")?.ok()?;
    stage.grant(&[])?;
    stage.ssh(&ada)?.run("true")?.refused()?;
    Ok(())
}

#[test]
fn keys_from_other_sources_open_none_of_our_accounts() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    let ada = stage.engineer("ada", 70_001)?;
    stage.run()?;
    stage.grant(&[&ada])?;
    // As ec2-instance-connect and directories do it: a command that knows keys for everybody.
    let bob = stage.engineer("bob", 70_002)?;
    let key = std::process::Command::new("ssh-keygen").arg("-yf").arg(&bob.identity).output()?.stdout;
    let command = format!("#!/bin/sh\necho '{}'\n", String::from_utf8(key)?.trim());
    stage.host.write_file("/usr/local/bin/keys", command)?;
    stage.host.sh(
        "useradd -m frank; chmod 755 /usr/local/bin/keys; printf 'AuthorizedKeysCommand /usr/local/bin/keys\nAuthorizedKeysCommandUser nobody\n' >/etc/ssh/sshd_config.d/60-keys.conf",
    )?;
    stage.host.reload_sshd()?;
    let by_key = |account| Ssh::to(&stage.host, account).identity(&bob.identity).run("true");
    by_key("frank")?.ok()?;
    by_key("ada")?.refused()?;
    stage.ssh(&ada)?.run("true")?.ok()?;
    Ok(())
}

#[test]
fn sshd_is_left_alone_where_we_would_break_it_or_be_beaten() -> Result<()> {
    let stage = Stage::enrolled()?;
    let ada = stage.engineer("ada", 70_001)?;
    stage.ca.grant(&[&ada]);
    let drop_in = "/etc/ssh/sshd_config.d/00-sallyport.conf";
    let cases = [
        ("echo 'RevokedKeys /etc/ssh/theirs' >>/etc/ssh/sshd_config; touch /etc/ssh/theirs", "sshd_conflict"),
        ("echo 'Nonsense yes' >>/etc/ssh/sshd_config", "sshd_refused"),
        ("sed -i /^Include/d /etc/ssh/sshd_config", "shadowed_by"),
    ];
    stage.host.sh("cp /etc/ssh/sshd_config /tmp/sshd_config")?;
    for (prepare, code) in cases {
        stage.host.sh(prepare)?;
        let said = stage.agent(&["apply", "--once"])?.refused()?;
        ensure!(said.contains(code), "{code} is not in: {said}");
        ensure!(!stage.host.exists(drop_in), "{code}");
        stage.host.sh("cp /tmp/sshd_config /etc/ssh/sshd_config")?;
    }
    stage.agent(&["apply", "--once"])?.ok()?;
    stage.ssh(&ada)?.run("true")?.ok()?;
    Ok(())
}

#[test]
fn a_rehearsal_and_an_observer_touch_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let mut host = lab.host("web")?;
    host.start_sshd()?;
    let ca = MiniCa::start(lab.gateway())?;
    let stage = Stage { agent: None, host, ca, lab };
    let ada = stage.engineer("ada", 70_001)?.with_sudo();
    stage.ca.grant(&[&ada]);
    stage.enroll(&["--observe"])?.ok()?;
    let all = "find /etc /home -type f -newer /tmp/mark -o -name '*sallyport*' | grep -v sallyport-host.toml || true";
    stage.host.sh("touch /tmp/mark")?;
    let steps = stage.agent(&["apply", "--dry-run"])?.ok()?;
    for part in
        ["create the account ada with uid 70001", "sudo rules for ada", "principals of ada", "drop-in"]
    {
        ensure!(steps.contains(part), "{part} is not in: {steps}");
    }
    stage.agent(&["apply", "--once"])?.ok()?;
    assert_eq!(stage.host.sh(all)?, "");
    assert_eq!(stage.status()?["state"], "observing");
    stage.ssh(&ada)?.run("true")?.refused()?;
    stage.agent(&["enforce"])?.ok()?;
    stage.agent(&["apply", "--once"])?.ok()?;
    stage.ssh(&ada)?.run("sudo -n true")?.ok()?;
    Ok(())
}

#[test]
fn a_lying_proxy_changes_nothing_and_gains_one_lease() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    stage.run()?;
    let ada = stage.engineer("ada", 70_001)?;
    let bob = stage.engineer("bob", 70_002)?.with_sudo();
    stage.grant(&[&ada, &bob])?;
    let old = stage.ca.last_answer().context("no answer")?;

    stage.ca.road(Road::Alters);
    stage.ca.grant(&[&ada]);
    let why = stage.ca.complaint("snapshot_refused", PATIENCE)?;
    ensure!(why.contains("content is not what its signature covers"), "{why}");
    ensure!(!stage.host.sh("cat /etc/sudoers.d/50-sallyport")?.contains("ada"));
    stage.ca.road(Road::Straight);
    stage.grant(&[&ada])?;
    stage.ssh(&bob)?.run("true")?.refused()?;

    stage.ca.road(Road::Repeats(Box::new(old)));
    let why = stage.ca.complaint("snapshot_refused", PATIENCE)?;
    ensure!(why.contains("is behind"), "{why}");
    stage.ssh(&bob)?.run("true")?.refused()?;

    // "Nothing new" for ever: true once, and then only a repetition.
    let mut session = stage.ssh(&ada)?.session("session", "echo here; sleep 300")?;
    session.wait_for_line("here", PATIENCE)?;
    stage.ca.road(Road::Straight);
    stage.ca.lease(8);
    stage.grant(&[&ada])?;
    let unchanged = wait_until("an answer without news", PATIENCE, || {
        stage
            .ca
            .last_answer()
            .filter(|reply| matches!(reply, sallyport_protocol::SnapshotReply::Unchanged { .. }))
    })?;
    stage.ca.road(Road::Repeats(Box::new(unchanged)));
    session.wait(PATIENCE).context("the session outlived the lease")?;
    stage.ssh(&ada)?.run("true")?.refused()?;
    assert_eq!(stage.status()?["state"], "silent");
    // And a fresh word brings everything back.
    stage.ca.lease(ROOMY);
    stage.ca.road(Road::Straight);
    wait_until("the account to be back", PATIENCE, || {
        stage.ssh(&ada).ok()?.run("true").ok()?.success().then_some(())
    })?;
    Ok(())
}

#[test]
fn a_lease_ends_also_when_the_agent_does_not_run() -> Result<()> {
    let stage = Stage::enrolled()?;
    stage.host.sh("groupadd docker")?;
    let ada = stage.engineer("ada", 70_001)?.with_sudo().in_local_group("docker");
    stage.ca.grant(&[&ada]);
    stage.agent(&["apply", "--once"])?.ok()?;
    let mut session = stage.ssh(&ada)?.session(
        "session",
        "sudo -n true && echo first $(id -nG); while sudo -n true; do sleep 0.1; done; echo over; exec sleep 3600",
    )?;
    let groups = session.wait_for_line("first ", PATIENCE)?;
    ensure!(groups.contains(" docker"), "{groups}");
    // While the lease lasts, the timer changes nothing.
    let rows = || stage.host.sh("cat /etc/group /etc/shadow /etc/ssh/sallyport/principals/ada");
    let before = rows()?;
    assert_eq!(stage.agent(&["lapse"])?.ok()?, "");
    assert_eq!(rows()?, before);
    stage.ca.lease(6);
    stage.agent(&["apply", "--once"])?.ok()?;
    session.wait_for_line("over", PATIENCE).context("sudo outlived the lease")?;
    stage.ssh(&ada)?.run("true")?.refused()?;
    ensure!(
        stage.host.sshd_log().contains("Refused by certificate principals options"),
        "{}",
        stage.host.sshd_log()
    );
    // Sessions and groups have no end in a file: that is what the timer is for.
    assert_eq!(stage.host.sh("getent group docker | cut -d: -f4")?, "ada");
    let plan = stage.agent(&["lapse", "--dry-run"])?.ok()?;
    ensure!(plan.contains("take ada out of the group docker"), "{plan}");
    // Somebody stopped the agent to be rid of it: nothing of sshd's is put back, nor needs what else may be lost.
    stage.host.sh("rm /etc/ssh/sshd_config.d/00-sallyport.conf /etc/sallyport-host.toml; echo '{' >/var/lib/sallyport-host/enrolment.json")?;
    stage.agent(&["lapse"])?.ok()?;
    session.wait(PATIENCE).context("the session outlived the lease")?;
    assert_eq!(stage.host.sh("getent group docker | cut -d: -f4")?, "");
    assert_eq!(stage.expiry("ada")?, "1");
    ensure!(!stage.host.exists("/etc/ssh/sshd_config.d/00-sallyport.conf"));
    // Once more for the notes about who ran with which group; from then on there is nothing to do.
    stage.agent(&["lapse"])?.ok()?;
    let again = stage.agent(&["lapse"])?;
    assert_eq!(again.stderr, "");
    again.ok()?;
    stage.files_are_whole()
}

#[test]
fn a_lost_word_of_an_unreachable_ca_does_not_outlive_its_lease() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    let ada = stage.engineer("ada", 70_001)?.with_sudo();
    stage.ca.grant(&[&ada]);
    stage.agent(&["apply", "--once"])?.ok()?;
    let mut session = stage.ssh(&ada)?.session("session", "echo here; sleep 300")?;
    session.wait_for_line("here", PATIENCE)?;
    stage.ca.lease(8);
    stage.agent(&["apply", "--once"])?.ok()?;
    stage.ca.road(Road::Closed);
    stage.host.sh("rm /var/lib/sallyport-host/snapshot.json")?;
    stage.run()?;
    session.wait(PATIENCE).context("the session outlived the lease")?;
    wait_until("the account to expire", PATIENCE, || (stage.expiry("ada").ok()? == "1").then_some(()))?;
    ensure!(!stage.host.exists("/etc/sudoers.d/50-sallyport"));
    stage.ca.lease(ROOMY);
    stage.ca.road(Road::Straight);
    wait_until("the account to be back", PATIENCE, || {
        stage.ssh(&ada).ok()?.run("true").ok()?.success().then_some(())
    })
}

#[test]
fn a_valid_lease_outlives_an_unreachable_ca() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    let ada = stage.engineer("ada", 70_001)?;
    stage.run()?;
    stage.grant(&[&ada])?;
    stage.ca.road(Road::Closed);
    stage.agent.take().context("no agent")?.kill()?;
    stage.run()?;
    let said = stage.agent(&["apply", "--once"])?.refused()?;
    ensure!(said.contains("ca_unreachable"), "{said}");
    stage.ssh(&ada)?.run("true")?.ok()?;
    Ok(())
}

#[test]
fn a_full_disk_holds_grants_back_and_no_removal() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    let ada = stage.engineer("ada", 70_001)?.with_sudo();
    let bob = stage.engineer("bob", 70_002)?.with_sudo();
    let cyd = stage.engineer("cyd", 70_003)?.with_sudo();
    stage.run()?;
    // With the agent's own reserve of space, and without.
    for reserve in [true, false] {
        stage.grant(&[&ada, &bob])?;
        let mut session = stage.ssh(&ada)?.session("session", "echo here; sleep 300")?;
        session.wait_for_line("here", PATIENCE)?;
        if !reserve {
            stage.host.sh("rm /var/lib/sallyport-host/spare")?;
        }
        stage.host.fill_disk()?;
        let generation = stage.ca.grant(&[&bob, &cyd]);
        session.wait(PATIENCE).context("the full disk held the end of a session back")?;
        stage.ssh(&ada)?.run("true")?.refused()?;
        ensure!(!stage.host.sh("cat /etc/sudoers.d/50-sallyport 2>/dev/null || true")?.contains("ada"));
        if reserve {
            assert_eq!(stage.expiry("ada")?, "1");
        }
        stage.ssh(&bob)?.run("true")?.ok()?;
        stage.files_are_whole()?;
        stage.host.free_disk()?;
        stage.ca.applied(generation, Duration::from_mins(1))?;
        stage.ssh(&cyd)?.run("sudo -n true")?.ok()?;
        stage.ssh(&bob)?.run("sudo -n true")?.ok()?;
        assert_eq!(stage.expiry("ada")?, "1");
        stage.files_are_whole()?;
    }
    Ok(())
}

#[test]
fn useradd_beside_us_loses_no_row() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    let people: Vec<Engineer> = [("ada", 70_001), ("bob", 70_002), ("cyd", 70_003), ("dan", 70_004)]
        .iter()
        .map(|(name, uid)| stage.engineer(name, *uid))
        .collect::<Result<_>>()?;
    stage.run()?;
    let script = "for n in $(seq 12); do useradd -M local$n || echo failed; done; echo done";
    let mut others = stage.host.spawn("useradd", &["sh", "-c", script])?;
    for count in 1..=people.len() {
        stage.grant(&people.iter().take(count).collect::<Vec<_>>())?;
    }
    others.wait_for_line("done", Duration::from_mins(1))?;
    ensure!(!others.stdout().contains("failed"), "{}", others.stderr());
    for file in ["passwd", "shadow", "group", "gshadow"] {
        let rows = stage.host.sh(&format!("grep -cE '^(local[0-9]+|ada|bob|cyd|dan):' /etc/{file}"))?;
        assert_eq!(rows, "16", "{file}");
    }
    stage.files_are_whole()
}

#[test]
fn a_revoked_certificate_is_refused_and_the_list_never_goes_back() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    let ada = stage.engineer("ada", 70_001)?;
    let bob = stage.engineer("bob", 70_002)?;
    stage.run()?;
    stage.grant(&[&ada, &bob])?;
    let list = |version: &str, serial: u32| -> Result<Vec<u8>> {
        let folder = stage.lab.folder();
        let (spec, krl) = (folder.join("spec"), folder.join("krl"));
        std::fs::write(&spec, format!("serial: {serial}\n"))?;
        let ca = stage.ca.user_ca_file(folder)?;
        let mut command = std::process::Command::new("ssh-keygen");
        command.arg("-k").arg("-f").arg(&krl).arg("-s").arg(ca).args(["-z", version]).arg(&spec);
        ensure!(command.output()?.status.success());
        Ok(std::fs::read(krl)?)
    };
    stage.ca.applied(stage.ca.revoke(&list("5", 70_001)?), PATIENCE)?;
    stage.ssh(&ada)?.run("true")?.refused()?;
    stage.ssh(&bob)?.run("true")?.ok()?;
    for bad in [list("4", 70_002)?, b"SSHKRL\n\0garbage".to_vec(), Vec::new()] {
        let generation = stage.ca.revoke(&bad).value();
        wait_until("the host to have the word and its complaint", PATIENCE, || {
            let status = stage.status().ok()?;
            (status["generation"] == generation && status["problems"][0]["code"] == "krl_refused")
                .then_some(())
        })?;
        // What is not in force is not said to be.
        ensure!(stage.status()?["applied_generation"].as_u64() < Some(generation));
        stage.ca.complaint("krl_refused", PATIENCE)?;
        stage.ssh(&ada)?.run("true")?.refused()?;
        stage.ssh(&bob)?.run("true")?.ok()?;
    }
    stage.ca.applied(stage.ca.revoke(&list("6", 70_001)?), PATIENCE).map(drop)
}

#[test]
fn unsound_account_files_end_sessions_and_do_not_count_as_applied() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    let ada = stage.engineer("ada", 70_001)?.with_sudo();
    stage.run()?;
    stage.grant(&[&ada])?;
    let mut session = stage.ssh(&ada)?.session("session", "echo here; sleep 300")?;
    session.wait_for_line("here", PATIENCE)?;
    stage.host.sh("cp -p /etc/gshadow /root/gshadow; : >/etc/gshadow")?;
    let generation = stage.ca.grant(&[]);
    session.wait(PATIENCE).context("unsound files held the end of a session back")?;
    stage.ssh(&ada)?.run("true")?.refused()?;
    stage.ca.complaint("accounts_refused", PATIENCE)?;
    ensure!(stage.status()?["applied_generation"].as_u64() < Some(generation.value()));
    stage.host.sh("cp -p /root/gshadow /etc/gshadow")?;
    stage.ca.applied(generation, PATIENCE)?;
    assert_eq!(stage.expiry("ada")?, "1");
    Ok(())
}

#[test]
fn leaving_gives_sshd_and_sudo_back_and_keeps_the_accounts() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    let ada = stage.engineer("ada", 70_001)?.with_sudo();
    stage.run()?;
    stage.grant(&[&ada])?;
    let begun = std::time::Instant::now();
    let mut agent = stage.agent.take().context("no agent")?;
    agent.signal(Signal::SIGTERM)?;
    let status = agent.wait(STOPS_WITHIN).context("SIGTERM took its time")?;
    ensure!(status.success(), "{status} after {:?}", begun.elapsed());
    let left = stage.agent(&["leave"])?;
    let next = "sallyport-ca admin host retire web.contoso.test";
    ensure!(left.success() && left.stderr.trim_end().ends_with(next), "{}", left.stderr);
    for gone in [
        "/etc/ssh/sshd_config.d/00-sallyport.conf",
        "/etc/sudoers.d/50-sallyport",
        "/etc/sallyport-host.toml",
    ] {
        ensure!(!stage.host.exists(gone), "{gone}");
    }
    stage.ssh(&ada)?.run("true")?.refused()?;
    assert_eq!(stage.expiry("ada")?, "1");
    ensure!(stage.agent(&["status"])?.refused()?.contains("sallyport-host enroll"));
    // Back again: the same account, known by the ledger.
    stage.enroll(&[])?.ok()?;
    stage.agent(&["apply", "--once"])?.ok()?;
    stage.ssh(&ada)?.run("sudo -n true")?.ok()?;
    stage.files_are_whole()
}

#[test]
fn enrolment_says_what_is_wrong() -> Result<()> {
    let lab = Lab::new()?;
    let mut host = lab.host("web")?;
    let ca = MiniCa::start(lab.gateway())?;
    host.start_sshd()?;
    let mut stage = Stage { agent: None, host, ca, lab };
    let (url, fingerprint) = (stage.ca.url(), stage.ca.fingerprint());
    let said = stage
        .agent(&["enroll", "--ca", &url, "--ca-fingerprint", &fingerprint, "--token", "wrong"])?
        .refused()?;
    ensure!(said.contains("the token is not good"), "{said}");
    let other = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
    let said =
        stage.agent(&["enroll", "--ca", &url, "--ca-fingerprint", other, "--token", TOKEN])?.refused()?;
    ensure!(said.contains("is not the CA whose fingerprint was given"), "{said}");
    ensure!(stage.agent(&["run"])?.refused()?.contains("sallyport-host enroll"));
    stage.host.write_file("/tmp/token", format!("{TOKEN}\n"))?;
    let line = ["enroll", "--ca", &url, "--ca-fingerprint", &fingerprint, "--token", "@/tmp/token"];
    stage.agent(&line)?.ok()?;
    ensure!(stage.agent(&line)?.refused()?.contains("sallyport-host leave"));
    assert_eq!(stage.status()?["name"], "web.contoso.test");
    assert_eq!(
        stage.host.sh("stat -c '%a %U' /var/lib/sallyport-host /var/lib/sallyport-host/machine_key")?,
        "700 root\n600 root"
    );
    stage.run()?;
    let ada = stage.engineer("ada", 70_001)?;
    stage.grant(&[&ada])?;
    let said = stage.agent(&["doctor"])?.ok()?;
    ensure!(said.contains("host certificate: sshd shows the one that it was given"), "{said}");
    // As where systemd runs, with the timer and without.
    for (active, word) in [("exit 0", "ok    end of the lease"), ("exit 3", "WRONG end of the lease")] {
        stage.host.sh(&format!(
            "mkdir -p /run/systemd/system; printf '#!/bin/sh\\n{active}\\n' >/usr/local/bin/systemctl; chmod 755 /usr/local/bin/systemctl"
        ))?;
        let said = stage.agent(&["doctor"])?.stdout;
        ensure!(said.contains(word), "{said}");
    }
    Ok(())
}
