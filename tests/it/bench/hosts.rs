//! Fake hosts are hosts of their own, take real logins, and leave nothing behind.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use sallyport_tests::command::run;
use sallyport_tests::{Agent, Host, Lab, PATIENCE, Ssh, wait_until};

#[test]
fn a_host_has_its_own_accounts_name_processes_and_files() -> Result<()> {
    let outside = fs::read_to_string("/etc/passwd")?;
    let lab = Lab::new()?;
    let host = lab.host("web-1")?;

    assert_eq!(host.exec_ok(&["cat", "/proc/sys/kernel/hostname"])?, "web-1.contoso.test");
    assert_eq!(host.sh("tr '\\0' ' ' </proc/1/cmdline | cut -c 1-7")?, "sh -c e");
    assert!(host.sh("ps -e --no-headers | wc -l")?.trim().parse::<u32>()? < 10, "it sees foreign processes");
    host.exec_ok(&["useradd", "--create-home", "--shell", "/bin/bash", "alice"])?;
    assert_eq!(host.exec_ok(&["stat", "-c", "%U", "/home/alice"])?, "alice");
    assert_eq!(fs::read_to_string("/etc/passwd")?, outside, "the machine's own accounts changed");

    host.write_file("/etc/deep/er", "1\n")?;
    assert_eq!(host.read_file("/etc/deep/er")?, "1\n");
    assert!(!Path::new("/etc/deep").exists());
    host.sh("echo gone >/dev/null; test -c /dev/null; test -z \"$(ls /tmp)\"; test -z \"$(ls -A /root)\"")?;
    Ok(())
}

#[test]
fn sudo_works_on_a_host_as_its_own_sudoers_say() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("web-1")?;
    host.sh("useradd alice; useradd bob")?;
    host.write_file("/etc/sudoers.d/50-test", "alice ALL=(ALL) NOPASSWD: ALL\n")?;
    host.sh("chmod 440 /etc/sudoers.d/50-test; visudo -c")?;
    assert_eq!(host.exec_ok(&["su", "alice", "-c", "sudo -n id -u"])?, "0");
    host.exec(&["su", "bob", "-c", "sudo -n id -u"])?.refused()?;
    assert!(!Path::new("/etc/sudoers.d/50-test").exists());
    Ok(())
}

#[test]
fn hosts_reach_each_other_and_this_side_by_name_and_nothing_else() -> Result<()> {
    let lab = Lab::new()?;
    let (one, two) = (lab.host("one")?, lab.host("two")?);
    assert_eq!(one.sh("getent hosts two | cut -d' ' -f1")?, two.address().to_string());
    assert_eq!(two.sh("getent hosts gateway.contoso.test | cut -d' ' -f1")?, lab.gateway().to_string());
    assert!(one.exec_ok(&["ip", "route"])?.lines().all(|route| route.starts_with("10.77.")));
    Ok(())
}

#[test]
fn sshd_takes_a_plain_key_certificate_and_refuses_a_stranger() -> Result<()> {
    let lab = Lab::new()?;
    let mut host = lab.host("web-1")?;
    let (ca, alice, eve) = (keygen(&lab, "ca")?, keygen(&lab, "alice")?, keygen(&lab, "eve")?);
    run(Command::new("ssh-keygen")
        .args(["-q", "-s", &ca, "-I", "test", "-n", "alice", "-V", "+5m"])
        .arg(format!("{alice}.pub")))?
    .ok()?;
    host.write_file("/etc/ssh/ca.pub", fs::read(format!("{ca}.pub"))?)?;
    host.write_file("/etc/ssh/sshd_config.d/00-ca.conf", "TrustedUserCAKeys /etc/ssh/ca.pub\n")?;
    host.exec_ok(&["useradd", "--create-home", "alice"])?;
    host.start_sshd()?;

    let login = Ssh::to(&host, "alice").identity(Path::new(&alice));
    assert_eq!(login.run("id -un")?.ok()?, "alice");
    let stranger = Ssh::to(&host, "alice").identity(Path::new(&eve));
    assert!(stranger.run("id -un")?.refused()?.contains("Permission denied"));

    let agent = Agent::start(lab.folder())?;
    agent.ssh_add(&["-t", "60", &alice])?.ok()?;
    assert_eq!(Ssh::to(&host, "alice").agent(&agent).run("id -un")?.ok()?, "alice");
    assert!(host.sshd_log().contains("Accepted publickey for alice"), "{}", host.sshd_log());
    Ok(())
}

#[test]
fn a_session_stays_open_until_it_is_ended_from_the_host() -> Result<()> {
    let lab = Lab::new()?;
    let mut host = lab.host("web-1")?;
    let alice = keygen(&lab, "alice")?;
    host.exec_ok(&["useradd", "--create-home", "--shell", "/bin/bash", "alice"])?;
    host.write_file("/home/alice/.ssh/authorized_keys", fs::read(format!("{alice}.pub"))?)?;
    host.start_sshd()?;

    let mut session = Ssh::to(&host, "alice").identity(Path::new(&alice)).session("session", "bash")?;
    session.type_line("echo I am $(id -un) on $(hostname)")?;
    session.wait_for_line("I am alice on web-1", PATIENCE)?;
    host.exec_ok(&["pkill", "-KILL", "-u", "alice"])?;
    assert!(!session.wait(PATIENCE)?.success());
    Ok(())
}

#[test]
fn a_partition_swallows_packets_until_it_is_healed() -> Result<()> {
    let lab = Lab::new()?;
    let mut host = lab.host("web-1")?;
    host.start_sshd()?;
    let reach = || -> Option<()> {
        let address = (host.address(), 22).into();
        std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok().map(drop)
    };
    assert!(reach().is_some());
    host.partition()?;
    assert!(reach().is_none());
    host.heal()?;
    wait_until("the host to be reached again", PATIENCE, reach)
}

#[test]
fn a_full_disk_refuses_writes_until_it_is_freed() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("web-1")?;
    host.fill_disk()?;
    assert!(host.write_file("/etc/new", "content").is_err());
    host.free_disk()?;
    host.write_file("/etc/new", "content")
}

#[test]
fn a_program_on_a_host_ends_with_its_handle() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("web-1")?;
    let mut sleeper = host.spawn("sleeper", &["sh", "-c", "echo up; exec sleep 1234"])?;
    sleeper.wait_for_line("up", PATIENCE)?;
    assert_eq!(sleepers(&host), 1);
    sleeper.kill()?;
    assert_eq!(sleepers(&host), 0);

    let mut sleeper = host.spawn("sleeper", &["sh", "-c", "echo up; exec sleep 1234"])?;
    sleeper.wait_for_line("up", PATIENCE)?;
    drop(sleeper);
    wait_until("the program to be gone", PATIENCE, || (sleepers(&host) == 0).then_some(()))
}

#[test]
fn nothing_is_left_when_a_lab_ends_even_by_a_panic() -> Result<()> {
    let (folder, cable, init) = std::thread::spawn(|| -> Result<_> {
        let lab = Lab::new()?;
        let host = lab.host("web-1")?;
        let [_, _, number, _] = lab.gateway().octets();
        let init = fs::read_to_string(lab.folder().join("web-1.pid"))?;
        let seen = (lab.folder().to_owned(), format!("slp{number}"), init.trim().to_owned());
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _owned = (lab, host);
            panic!("a test fails");
        }));
        assert!(caught.is_err());
        Ok(seen)
    })
    .join()
    .expect("the thread itself does not panic")?;
    assert!(!folder.exists());
    assert!(!Path::new("/proc").join(&init).exists());
    assert!(!Path::new("/sys/class/net").join(&cable).exists());
    assert!(!fs::read_to_string("/proc/mounts")?.contains(&*folder.to_string_lossy()));
    Ok(())
}

fn keygen(lab: &Lab, name: &str) -> Result<String> {
    let path = lab.folder().join(name).to_string_lossy().into_owned();
    run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &path]))?.ok()?;
    Ok(path)
}

fn sleepers(host: &Host) -> usize {
    host.exec(&["pgrep", "-f", "^sleep 1234"]).map_or(0, |outcome| outcome.stdout.lines().count())
}
