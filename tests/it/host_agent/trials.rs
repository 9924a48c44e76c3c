//! A change of sshd's configuration that is interrupted, or without its effect, is taken back.

use anyhow::{Context as _, Result, ensure};
use sallyport_tests::{PATIENCE, Process, wait_until};

use super::Stage;

const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-sallyport.conf";
const RECORD: &str = "/var/lib/sallyport-host/sshd-trial.json";
/// Made by a program that has been brought to a halt with the drop-in in place.
const HALTED: &str = "/tmp/halted";
const UNPROVED: &str = "[ -e /etc/ssh/sshd_config.d/00-sallyport.conf ] && { : >/tmp/halted; sleep 60; }";

/// Puts a script before a program of the host that halts it once the drop-in is in place.
fn halt(stage: &Stage, program: &str, only: &str) -> Result<()> {
    let name = program.rsplit('/').next().unwrap_or_default();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in {only}) {UNPROVED};; esac\nexec /usr/local/lib/real/{name} \"$@\"\n"
    );
    stage.host.sh(&format!(
        "mkdir -p /usr/local/lib/real; cp {program} /usr/local/lib/real/{name}; rm -f {HALTED}"
    ))?;
    stage.host.write_file("/tmp/script", script)?;
    stage
        .host
        .sh(&format!("chmod 755 /tmp/script; cp /tmp/script {program}.new; mv {program}.new {program}"))?;
    Ok(())
}

fn unhalt(stage: &Stage, program: &str) -> Result<()> {
    let name = program.rsplit('/').next().unwrap_or_default();
    stage
        .host
        .sh(&format!("cp /usr/local/lib/real/{name} {program}.new; mv {program}.new {program}"))
        .map(drop)
}

/// `apply --once`, at the moment at which its change of sshd stands and is not proved.
fn in_the_middle(stage: &Stage) -> Result<Process> {
    let agent = stage.host.spawn("agent", &["sallyport-host", "apply", "--once"])?;
    wait_until("the trial", PATIENCE, || stage.host.exists(HALTED).then_some(()))?;
    ensure!(stage.host.exists(DROP_IN) && stage.host.exists(RECORD));
    Ok(agent)
}

#[test]
fn killed_in_the_middle_of_changing_sshd_the_watchman_takes_it_back() -> Result<()> {
    let stage = Stage::enrolled()?;
    let root = stage.break_glass()?;
    let ada = stage.engineer("ada", 70_001)?;
    stage.ca.grant(&[&ada]);
    // Before sshd was told, and after.
    for (program, only) in [("/usr/sbin/sshd", "-T*"), ("/usr/bin/ssh-keyscan", "*")] {
        halt(&stage, program, only)?;
        in_the_middle(&stage)?.kill()?;
        wait_until("the watchman", PATIENCE, || (!stage.host.exists(RECORD)).then_some(()))?;
        ensure!(!stage.host.exists(DROP_IN), "{program}");
        root.run("true")?.ok()?;
        stage.files_are_whole()?;
        unhalt(&stage, program)?;
        stage.agent(&["apply", "--once"])?.ok()?;
        stage.ssh(&ada)?.run("true")?.ok()?;
        root.run("true")?.ok()?;
        let watchmen = stage.host.sh("pgrep -f '[w]atch-sshd' || true")?;
        ensure!(watchmen.is_empty(), "a watchman is still there: {watchmen}");
        stage.host.sh(&format!("rm {DROP_IN}"))?;
    }
    Ok(())
}

#[test]
fn killed_with_its_watchman_the_next_run_takes_it_back_and_goes_on() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    let root = stage.break_glass()?;
    let ada = stage.engineer("ada", 70_001)?;
    stage.ca.grant(&[&ada]);
    for next in ["apply", "run", "leave"] {
        halt(&stage, "/usr/sbin/sshd", "-T*")?;
        let mut agent = in_the_middle(&stage)?;
        stage.host.sh("kill -KILL $(pgrep -f '[w]atch-sshd')")?;
        agent.kill()?;
        unhalt(&stage, "/usr/sbin/sshd")?;
        // As after a power cut: sshd starts with what nobody has proved.
        stage.host.stop_sshd()?;
        stage.host.start_sshd()?;
        root.run("true")?.ok()?;
        ensure!(stage.host.exists(RECORD));
        ensure!(stage.agent(&["doctor"])?.refused()?.contains("sallyport-host apply --once"));
        match next {
            "apply" => drop(stage.agent(&["apply", "--once"])?.ok()?),
            "run" => {
                stage.run()?;
                wait_until("the trial to be over", PATIENCE, || {
                    (stage.host.exists(DROP_IN) && !stage.host.exists(RECORD)).then_some(())
                })?;
                stage.agent.take().context("no agent")?.kill()?;
            }
            _ => {
                stage.agent(&["leave"])?.ok()?;
                ensure!(!stage.host.exists(DROP_IN) && !stage.host.exists(RECORD));
                return root.run("true")?.ok().map(drop);
            }
        }
        stage.ssh(&ada)?.run("true")?.ok()?;
        stage.host.sh(&format!("rm {DROP_IN}"))?;
    }
    Ok(())
}

#[test]
fn a_host_certificate_that_sshd_does_not_show_is_noticed() -> Result<()> {
    let mut stage = Stage::enrolled()?;
    let root = stage.break_glass()?;
    let ada = stage.engineer("ada", 70_001)?;
    stage.ca.grant(&[&ada]);
    stage.host.sh(
        "ssh-keygen -q -t ecdsa -N '' -f /etc/ssh/ssh_host_ecdsa_key; cp /etc/ssh/sshd_config /tmp/sshd_config; echo 'HostKey /etc/ssh/ssh_host_ecdsa_key' >>/etc/ssh/sshd_config",
    )?;
    let said = stage.agent(&["apply", "--once"])?.refused()?;
    ensure!(
        said.contains("host_certificate_not_shown") && said.contains("host_key in /etc/sallyport-host.toml"),
        "{said}"
    );
    ensure!(!stage.host.exists(DROP_IN) && !stage.host.exists(RECORD));
    // The bench knows root's way by the key that sshd shows no more.
    root.run("true")?.refused()?;
    stage.host.sh("cp /tmp/sshd_config /etc/ssh/sshd_config")?;
    stage.agent(&["apply", "--once"])?.ok()?;
    stage.ssh(&ada)?.run("true")?.ok()?;
    root.run("true")?.ok()?;
    // A service has the key certified that sshd uses now.
    stage.host.sh("echo 'HostKey /etc/ssh/ssh_host_ecdsa_key' >>/etc/ssh/sshd_config")?;
    stage.host.reload_sshd()?;
    stage.ssh(&ada)?.run("true")?.refused()?;
    stage.run()?;
    wait_until("a certificate for the other key", PATIENCE, || {
        stage.ssh(&ada).ok()?.run("true").ok()?.success().then_some(())
    })
    .with_context(|| stage.agent.as_ref().map(Process::stderr).unwrap_or_default())
}
