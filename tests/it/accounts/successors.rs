//! Somebody leaves, and another person comes with the same address: what of the one does the other get on hosts?

use anyhow::{Context as _, Result, ensure};
use sallyport_tests::stage::{Enrolled, Laptop, MARA, Member};
use sallyport_tests::{PATIENCE, wait_until};
use serde_json::{Value, json};

use super::Site;

/// Mara's successor at her address: to Entra, and so to everybody, another person.
const SUCCESSOR: Member =
    Member { oid: "0c0c0c0c-1111-4222-8333-444455556666", name: MARA.name, password: "third horse" };

/// Mara goes for good, and the other one comes, into the same group.
fn succeed(site: &Site) -> Result<()> {
    site.entra.command(&["user", "remove", MARA.oid, "--hard"])?.ok()?;
    site.ca.provision(&site.entra, "incremental")?;
    site.ca.wait_for_hosts(PATIENCE)?;
    let Member { oid, password, .. } = SUCCESSOR;
    let add = ["user", "add", "--oid", oid, "--upn", &SUCCESSOR.upn(), "--password", password];
    site.entra.command(&add)?.ok()?;
    site.entra.command(&["group", "add-member", "web-admins", oid])?.ok()?;
    site.ca.provision(&site.entra, "incremental")?;
    site.ca.wait_for_hosts(PATIENCE)
}

/// The two people of one address: who is gone, and who is here.
fn both(site: &Site) -> Result<(Value, Value)> {
    let people = site.ca.command(&["admin", "user", "ls", "--format", "json"])?.ok()?;
    let people: Vec<Value> = serde_json::from_str(&people)?;
    let of_address = people.into_iter().filter(|person| person["user_name"] == MARA.upn());
    let (gone, here): (Vec<_>, Vec<_>) = of_address.partition(|person| person["state"] == "gone");
    ensure!(gone.len() == 1 && here.len() == 1, "{gone:?} {here:?}");
    Ok((gone.into_iter().next().unwrap_or_default(), here.into_iter().next().unwrap_or_default()))
}

/// The sentences of a host's problems with this code.
fn problems(site: &Site, host: &str, code: &str) -> Result<Vec<String>> {
    let hosts = site.ca.hosts()?.into_iter().filter(|state| state.name.starts_with(host));
    let problems = hosts.flat_map(|state| state.problems).filter(|problem| problem["code"] == code);
    Ok(problems.map(|problem| problem["detail"].as_str().unwrap_or_default().to_owned()).collect())
}

#[test]
fn a_successor_of_the_same_address_gets_another_uid_and_none_of_the_files() -> Result<()> {
    let site = Site::new("true")?;
    site.grant()?;
    let mara = site.laptop()?;
    mara.ssh(MARA.name, &site.web.host, "echo mine >file; chmod 644 file; umask 077; touch /tmp/hers")?
        .ok()?;
    let mut session = site.session(&mara, MARA.name)?;
    succeed(&site)?;
    session.wait(PATIENCE).context("the session outlived its person")?;

    let (gone, here) = both(&site)?;
    assert_eq!((&gone["posix_name"], &gone["uid"]), (&json!(MARA.name), &json!(70_000)));
    assert_eq!(
        (&here["state"], &here["posix_name"], &here["uid"]),
        (&json!("conflict"), &Value::Null, &Value::Null)
    );
    let laptop = Laptop::new(&site.lab, "successor", &site.ca, &site.entra)?;
    laptop.login(SUCCESSOR, &[]).expect_err("somebody without a name got a certificate");
    mara.ssh(MARA.name, &site.web.host, "true")?.refused()?;

    site.names(&["assign", SUCCESSOR.oid, "mara.second"])?;
    laptop.login(SUCCESSOR, &[])?;
    laptop.sallyport(&["config"])?.ok()?;
    let said = laptop.ssh(
        "mara.second",
        &site.web.host,
        "id -u; pwd; cat /home/mara.lind/file /tmp/hers 2>/dev/null || echo closed",
    )?;
    assert_eq!(said.ok()?, "70001\n/home/mara.second\nclosed");
    laptop.ssh(MARA.name, &site.web.host, "true")?.refused()?;
    let left =
        site.web.host.sh("stat -c '%u %g' /home/mara.lind/file; getent shadow mara.lind | cut -d: -f8")?;
    assert_eq!(left, "70000 70000\n1");
    site.ca.command(&["audit", "verify"])?.ok()?;
    Ok(())
}

#[test]
fn a_name_that_was_released_brings_its_new_holder_neither_account_nor_home() -> Result<()> {
    let site = Site::new("true")?;
    site.grant()?;
    site.web.wait_for_account(MARA.name, PATIENCE)?;
    let before = site.rows(MARA.name)?;
    succeed(&site)?;
    let release = |more: &[&str]| -> Result<Value> {
        let words = [&["release", MARA.name], more, &["--format", "json"]].concat();
        Ok(serde_json::from_str(&site.names(&words)?)?)
    };
    let asked = release(&[])?;
    release(&["--confirm", asked["confirm"].as_str().context("no word to confirm by")?])?;
    let (_, here) = both(&site)?;
    assert_eq!((&here["posix_name"], &here["uid"]), (&json!(MARA.name), &json!(70_001)));

    // Where the agent knows whose the name was, it stays theirs.
    let laptop = Laptop::new(&site.lab, "successor", &site.ca, &site.entra)?;
    laptop.login(SUCCESSOR, &[])?;
    laptop.sallyport(&["config"])?.ok()?;
    wait_until("the host to say whom it withholds", PATIENCE, || {
        let said = problems(&site, "web-1", "name_taken").ok()?;
        said.iter().any(|why| why.contains("made for another person")).then_some(())
    })?;
    laptop.ssh(MARA.name, &site.web.host, "true")?.refused()?;
    assert_eq!(site.has_of_ours(MARA.name)?, (false, false));
    let expired = |rows: &str| rows.lines().filter(|row| !row.contains(":*:")).collect::<Vec<_>>().join("\n");
    assert_eq!(expired(&site.rows(MARA.name)?), expired(&before));

    // Where only the home is left, as when homes outlive an installation: what lies in it is not run by another.
    let mut host = site.lab.host("web-2")?;
    host.sh(
        "mkdir -m 755 /home/mara.lind; echo 'touch /tmp/planted' >/home/mara.lind/.profile; chown -R 70000:70000 /home/mara.lind",
    )?;
    host.start_sshd()?;
    Enrolled::enroll(&host, &site.ca, "role=web")?.ok()?;
    let web = Enrolled { agent: Enrolled::run_agent(&host)?, host };
    let said = wait_until("the new host to say whom it withholds", PATIENCE, || {
        problems(&site, "web-2", "home_foreign").ok()?.pop()
    })?;
    ensure!(said.contains("/home/mara.lind belongs to uid 70000"), "{said}");
    site.ca.wait_for_hosts(PATIENCE)?;
    web.host.exec(&["getent", "passwd", MARA.name])?.refused()?;
    laptop.ssh(MARA.name, &web.host, "true")?.refused()?;

    // As the sentence says.
    ensure!(said.contains("mv /home/mara.lind /home/mara.lind.70000"), "{said}");
    web.host.sh("mv /home/mara.lind /home/mara.lind.70000")?;
    web.host.exec_ok(&["sallyport-host", "apply", "--once"])?;
    assert_eq!(
        laptop.ssh(MARA.name, &web.host, "id -u; pwd; stat -c %u .")?.ok()?,
        "70001\n/home/mara.lind\n70001"
    );
    let left = web
        .host
        .sh("stat -c %u /home/mara.lind.70000/.profile; test -e /tmp/planted && echo planted || true")?;
    assert_eq!(left, "70000");
    site.ca.command(&["audit", "verify"])?.ok()?;
    Ok(())
}
