//! Hosts and the real CA: who may become a host, and what a host does when the CA is away.

use std::time::Instant;

use anyhow::Result;
use sallyport_tests::stage::{self, Authority, Enrolled, Laptop, MARA};
use sallyport_tests::{EntraSim, Lab, PATIENCE, wait_until};

const GRANT: [&str; 8] = ["admin", "grant", "add", "--group", "web-admins", "--tag", "role=web", "--sudo"];

struct Site {
    ca: Authority,
    entra: EntraSim,
    lab: Lab,
}

fn site(settings: &[(&str, &str)]) -> Result<Site> {
    let lab = Lab::new()?;
    let entra = stage::entra(&lab)?;
    let ca = Authority::start_with(&lab, &entra, settings)?;
    ca.provision(&entra, "initial")?;
    Ok(Site { ca, entra, lab })
}

/// A web server that Mara may enter, and Mara with a certificate.
fn granted(site: &Site) -> Result<(Enrolled, Laptop)> {
    let web = Enrolled::start(&site.lab, &site.ca, "web-1", "role=web")?;
    site.ca.command(&GRANT)?.ok()?;
    site.ca.wait_for_hosts(PATIENCE)?;
    let mara = Laptop::new(&site.lab, MARA.name, &site.ca, &site.entra)?;
    mara.login(MARA, &[])?;
    mara.sallyport(&["config"])?.ok()?;
    Ok((web, mara))
}

#[test]
fn a_host_cannot_take_anothers_name_or_one_outside_its_token() -> Result<()> {
    let Site { ca, lab, .. } = site(&[])?;
    let mut web = lab.host("web-1")?;
    web.start_sshd()?;
    Enrolled::enroll(&web, &ca, "role=web")?.ok()?;

    // A token for web-1's own name, in the hands of another machine.
    let mut thief = lab.host("thief-1")?;
    thief.start_sshd()?;
    let taken = Enrolled::enroll_as(&thief, &ca, &web.fqdn(), &web.fqdn())?.refused()?;
    assert!(taken.contains("another host's"), "{taken}");

    let outside = Enrolled::enroll_as(&thief, &ca, "thief-*.contoso.test", "db-1.contoso.test")?.refused()?;
    assert!(outside.contains("outside this token"), "{outside}");

    let foreign =
        Enrolled::enroll_as(&thief, &ca, "thief-*.contoso.test", "thief-1.fabrikam.test")?.refused()?;
    assert!(foreign.contains("host domains"), "{foreign}");

    let hosts = ca.hosts()?;
    assert_eq!(hosts.len(), 1, "{hosts:?}");
    assert!(!thief.exists("/etc/ssh/sshd_config.d/00-sallyport.conf"));
    Ok(())
}

#[test]
fn an_enrolment_token_counts_once() -> Result<()> {
    let Site { ca, lab, .. } = site(&[])?;
    let mut hosts = [lab.host("web-1")?, lab.host("web-2")?];
    for host in &mut hosts {
        host.start_sshd()?;
    }
    let token =
        ca.command(&["enroll-token", "create", "--name", "web-*.contoso.test", "--tag", "role=web"])?.ok()?;
    Enrolled::enroll_with(&hosts[0], &ca, &token, &hosts[0].fqdn())?.ok()?;
    let refused = Enrolled::enroll_with(&hosts[1], &ca, &token, &hosts[1].fqdn())?.refused()?;
    assert!(refused.contains("used up"), "{refused}");
    Ok(())
}

#[test]
fn the_wrong_fingerprint_is_not_trusted_with_the_token() -> Result<()> {
    let Site { ca, lab, .. } = site(&[])?;
    let mut web = lab.host("web-1")?;
    web.start_sshd()?;
    let token = ca.command(&["enroll-token", "create", "--name", &web.fqdn()])?.ok()?;
    web.write_file("/root/enroll-token", &token)?;
    let other = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
    let enroll = [
        "sallyport-host",
        "enroll",
        "--ca",
        ca.url(),
        "--ca-fingerprint",
        other,
        "--token",
        "@/root/enroll-token",
    ];
    let refused = web.exec(&enroll)?.refused()?;
    assert!(refused.contains(ca.fingerprint()), "{refused}");
    // The token was never sent: it still enrols.
    Enrolled::enroll_with(&web, &ca, &token, &web.fqdn())?.ok()?;
    Ok(())
}

#[test]
fn a_grant_reaches_a_waiting_host_and_its_removal_too() -> Result<()> {
    let site = site(&[])?;
    let web = Enrolled::start(&site.lab, &site.ca, "web-1", "role=web")?;
    site.ca.wait_for_hosts(PATIENCE)?;

    let begun = Instant::now();
    let grant = site.ca.command(&[&GRANT[..], &["--format", "json"]].concat())?.ok()?;
    web.wait_for_account(MARA.name, PATIENCE)?;
    println!("on the host {:.3} s after the command began", begun.elapsed().as_secs_f64());

    let grant: serde_json::Value = serde_json::from_str(&grant)?;
    let id = grant[0]["id"].as_str().unwrap_or_default();
    site.ca.command(&["admin", "grant", "remove", id])?.ok()?;
    let principals = "/etc/ssh/sallyport/principals/mara.lind";
    wait_until("the principals file to go", PATIENCE, || (!web.host.exists(principals)).then_some(()))?;
    Ok(())
}

#[test]
fn a_valid_certificate_logs_in_while_the_ca_is_down() -> Result<()> {
    let mut site = site(&[])?;
    let (web, mara) = granted(&site)?;
    site.ca.process().kill()?;

    assert!(mara.ssh(MARA.name, &web.host, "id -un")?.ok()?.starts_with("mara.lind"));
    assert_eq!(mara.ssh(MARA.name, &web.host, "sudo -n id -un")?.ok()?.trim(), "root");

    // And back: the same store, the same hosts, no enrolment anew.
    site.ca.restart()?;
    site.entra.command(&["user", "set", MARA.oid, "--enabled", "false"])?.ok()?;
    site.ca.provision(&site.entra, "incremental")?;
    site.ca.wait_for_hosts(PATIENCE)?;
    mara.ssh(MARA.name, &web.host, "id")?.refused()?;
    Ok(())
}

#[test]
fn without_a_word_from_the_ca_access_ends_with_the_lease() -> Result<()> {
    let mut site = site(&[("SALLYPORT_CA_HOSTS_LEASE", "10s")])?;
    let (web, mara) = granted(&site)?;
    mara.ssh(MARA.name, &web.host, "id")?.ok()?;
    site.ca.process().kill()?;
    // Nobody tells the host anything any more, and the agent itself is gone too.
    drop(web.agent);
    let over = || mara.ssh(MARA.name, &web.host, "id").ok().filter(|outcome| !outcome.success()).map(drop);
    wait_until("the lease to end", PATIENCE, over)?;
    // Break-glass: the host's own root is untouched.
    assert_eq!(web.host.exec_ok(&["id", "-un"])?.trim(), "root");
    Ok(())
}

#[test]
fn a_clients_ssh_knows_the_host_by_its_certificate_alone() -> Result<()> {
    let site = site(&[])?;
    let (web, mara) = granted(&site)?;
    let known = std::fs::read_to_string(mara.home().join(".config/sallyport/known_hosts"))?;
    assert!(known.starts_with("@cert-authority *.contoso.test ssh-ed25519 "), "{known}");
    mara.ssh(MARA.name, &web.host, "id")?.ok()?;
    // The bare key without the CA's word is nobody; the agent must not put the certificate back.
    let Enrolled { agent, host } = web;
    drop(agent);
    host.sh("rm $(awk '$1 == \"HostCertificate\" { print $2 }' /etc/ssh/sshd_config.d/00-sallyport.conf)")?;
    let refused = mara.ssh(MARA.name, &host, "id")?.refused()?;
    assert!(refused.contains("Host key verification failed"), "{refused}");
    Ok(())
}

#[test]
fn a_retired_host_is_heard_no_more_and_its_name_is_free() -> Result<()> {
    let Site { ca, lab, .. } = site(&[])?;
    let web = Enrolled::start(&lab, &ca, "web-1", "role=web")?;
    ca.wait_for_hosts(PATIENCE)?;
    ca.command(&["admin", "host", "retire", &web.host.fqdn()])?.ok()?;
    let refused = web.host.exec(&["sallyport-host", "apply", "--once"])?.refused()?;
    assert!(refused.contains("not enrolled"), "{refused}");

    let mut again = lab.host("web-2")?;
    again.start_sshd()?;
    Enrolled::enroll_as(&again, &ca, &web.host.fqdn(), &web.host.fqdn())?.ok()?;
    assert_eq!(ca.hosts()?.iter().filter(|host| host.state != "retired").count(), 1);
    ca.command(&["audit", "verify"])?.ok()?;
    Ok(())
}
