//! The main job, end to end, on real parts: OpenSSH's sshd and client, sudo, POSIX accounts, HTTPS, SQLite.

use anyhow::Result;
use sallyport_tests::stage::{self, Authority, Enrolled, Laptop, MARA, OMAR};
use sallyport_tests::{Lab, PATIENCE};

#[test]
fn an_engineer_comes_works_and_leaves() -> Result<()> {
    let lab = Lab::new()?;
    let entra = stage::entra(&lab)?;
    let ca = Authority::start(&lab, &entra)?;
    ca.provision(&entra, "initial")?;

    let web = Enrolled::start(&lab, &ca, "web-1", "role=web")?;
    let db = Enrolled::start(&lab, &ca, "db-1", "role=db")?;
    let grant = ["admin", "grant", "add", "--group", "web-admins", "--tag", "role=web", "--sudo"];
    ca.command(&grant)?.ok()?;
    ca.wait_for_hosts(PATIENCE)?;

    // Mara's group may enter the web servers.
    let mara = Laptop::new(&lab, MARA.name, &ca, &entra)?;
    mara.login(MARA, &[])?;
    mara.sallyport(&["config"])?.ok()?;
    assert!(mara.ssh(MARA.name, &web.host, "id")?.ok()?.starts_with("uid=70000(mara.lind)"));
    assert_eq!(mara.ssh(MARA.name, &web.host, "sudo -n id -un")?.ok()?.trim(), "root");
    mara.ssh(MARA.name, &db.host, "id")?.refused()?;
    mara.ssh("root", &web.host, "id")?.refused()?;

    // Omar signs in at Entra as well as she does, and no group of his opens anything.
    let omar = Laptop::new(&lab, OMAR.name, &ca, &entra)?;
    let refused = omar.login(OMAR, &[]).expect_err("somebody without a grant got a certificate").to_string();
    assert!(refused.contains("no grant"), "{refused}");

    // Mara leaves, with a session open and a certificate that is good for hours.
    let mut session = mara.ssh_session(MARA.name, &web.host, "echo in; exec sleep 3600")?;
    session.wait_for_line("in", PATIENCE)?;
    entra.command(&["user", "set", MARA.oid, "--enabled", "false"])?.ok()?;
    ca.provision(&entra, "incremental")?;
    assert!(!session.wait(PATIENCE)?.success(), "the session ended by itself");
    ca.wait_for_hosts(PATIENCE)?;

    let refused = mara.ssh(MARA.name, &web.host, "id")?.refused()?;
    assert!(!refused.contains("no such identity"), "{refused}");
    let held = mara.sallyport(&["status"])?.stdout;
    assert!(held.contains("revoked by the CA"), "{held}");
    mara.login(MARA, &[]).expect_err("a disabled person logged in");
    assert!(!web.host.exists("/etc/ssh/sallyport/principals/mara.lind"));
    assert!(!web.host.exists("/etc/sudoers.d/50-sallyport"), "nobody is left who may use sudo");
    web.host.exec_ok(&["test", "-d", "/home/mara.lind"])?;
    // Field 8 of the shadow row: expired since 1970.
    assert!(web.host.exec_ok(&["getent", "shadow", MARA.name])?.trim_end().ends_with(":1:"));

    // She comes back, and signs in as on the first day: that her old certificate is still there stops nobody.
    entra.command(&["user", "set", MARA.oid, "--enabled", "true"])?.ok()?;
    ca.provision(&entra, "incremental")?;
    ca.wait_for_hosts(PATIENCE)?;
    mara.login(MARA, &[])?;
    assert!(mara.ssh(MARA.name, &web.host, "id")?.ok()?.starts_with("uid=70000(mara.lind)"));
    let held = mara.sallyport(&["status"])?.ok()?;
    assert!(held.contains("[valid for") && !held.contains("revoked"), "{held}");

    ca.command(&["audit", "verify"])?.ok()?;
    Ok(())
}
