//! POSIX groups that grants give: the CA's ledger, hosts of more than one kind, and what `id` says over ssh.

use anyhow::Result;
use sallyport_tests::stage::{self, Authority, Enrolled, Laptop, MARA};
use sallyport_tests::{EntraSim, Lab, PATIENCE, wait_until};
use serde_json::{Value, json};

const GRANT: [&str; 7] = ["admin", "grant", "add", "--group", "web-admins", "--tag", "role=web"];

struct Site {
    ca: Authority,
    entra: EntraSim,
    lab: Lab,
}

fn site() -> Result<Site> {
    let lab = Lab::new()?;
    let entra = stage::entra(&lab)?;
    let ca = Authority::start(&lab, &entra)?;
    ca.provision(&entra, "initial")?;
    Ok(Site { ca, entra, lab })
}

/// A web server, after `script` was run on it.
fn web(site: &Site, name: &str, script: &str) -> Result<Enrolled> {
    let mut host = site.lab.host(name)?;
    host.sh(script)?;
    host.start_sshd()?;
    Enrolled::enroll(&host, &site.ca, "role=web")?.ok()?;
    let agent = Enrolled::run_agent(&host)?;
    Ok(Enrolled { agent, host })
}

/// The id of the new grant.
fn grant(ca: &Authority, more: &[&str]) -> Result<String> {
    let added = ca.command(&[&GRANT[..], more, &["--format", "json"]].concat())?.ok()?;
    let added: Value = serde_json::from_str(&added)?;
    Ok(added[0]["id"].as_str().unwrap_or_default().to_owned())
}

fn json_of(ca: &Authority, arguments: &[&str]) -> Result<Value> {
    Ok(serde_json::from_str(&ca.command(&[arguments, &["--format", "json"]].concat())?.ok()?)?)
}

/// The account databases hold together, as the system's own tools see it.
fn assert_sound(web: &Enrolled) -> Result<()> {
    web.host.exec_ok(&["grpck", "-r"])?;
    web.host.exec_ok(&["pwck", "-r", "-q"]).map(drop)
}

#[test]
fn people_are_in_their_groups_on_every_host_alike_and_out_of_them_at_once() -> Result<()> {
    let site = site()?;
    let Site { ca, entra, lab } = &site;
    let one = web(&site, "web-1", "groupadd -g 1500 printers && groupadd -g 70000 squatters")?;
    let two = web(&site, "web-2", "useradd frank && groupadd -g 1600 printers && gpasswd -a frank printers")?;
    ca.wait_for_hosts(PATIENCE)?;
    // What the first host reported is nobody's number.
    let squat = || {
        json_of(ca, &["admin", "host", "ls"])
            .ok()
            .filter(|hosts| hosts.as_array().is_some_and(|all| all.len() == 2))
    };
    wait_until("both hosts to be listed", PATIENCE, squat)?;
    let plain = grant(ca, &[])?;
    let giving = grant(ca, &["--posix-group", "research", "--local-group", "printers"])?;
    ca.wait_for_hosts(PATIENCE)?;

    let listed = json_of(ca, &["names", "groups"])?;
    assert_eq!((&listed[0]["name"], &listed[0]["grants"]), (&json!("research"), &json!([giving])));
    let gid = listed[0]["gid"].as_u64().unwrap_or_default();
    assert!(gid > 70_000, "the number of a local group was given: {listed}");
    let text = ca.command(&["admin", "grant", "ls"])?.ok()?;
    assert!(text.contains("research") && text.contains("printers"), "{text}");

    let mara = Laptop::new(lab, MARA.name, ca, entra)?;
    mara.login(MARA, &[])?;
    mara.sallyport(&["config"])?.ok()?;
    for (web, printers) in [(&one, 1500), (&two, 1600)] {
        let id = mara.ssh(MARA.name, &web.host, "id")?.ok()?;
        assert!(id.contains(&format!("{gid}(research)")), "{id}");
        assert!(id.contains(&format!("{printers}(printers)")), "{id}");
        let row = web.host.exec_ok(&["getent", "group", "research"])?;
        assert_eq!(row.trim(), format!("research:x:{gid}:mara.lind"));
        assert_sound(web)?;
    }
    assert!(
        one.host
            .exec_ok(&["sallyport-host", "status"])?
            .contains(&format!("research (gid {gid}): mara.lind"))
    );

    // The grant of the groups goes, the other one stays: so does she, but nothing that runs keeps a group that is lost.
    let mut session = mara.ssh_session(MARA.name, &one.host, "echo in; exec sleep 3600")?;
    session.wait_for_line("in", PATIENCE)?;
    ca.command(&["admin", "grant", "remove", &giving])?.ok()?;
    assert!(!session.wait(PATIENCE)?.success(), "the session ended by itself");
    ca.wait_for_hosts(PATIENCE)?;
    for web in [&one, &two] {
        let id = mara.ssh(MARA.name, &web.host, "id")?.ok()?;
        assert!(!id.contains("research") && !id.contains("printers"), "{id}");
        web.host.exec(&["getent", "group", "research"])?.refused()?;
        assert_sound(web)?;
    }
    assert!(two.host.exec_ok(&["getent", "group", "printers"])?.trim().ends_with(":1600:frank"));

    // Given again, it is the same group. Then she leaves the group of the directory.
    grant(ca, &["--posix-group", "research", "--local-group", "printers"])?;
    ca.command(&["admin", "grant", "remove", &plain])?.ok()?;
    ca.wait_for_hosts(PATIENCE)?;
    assert!(mara.ssh(MARA.name, &two.host, "id")?.ok()?.contains(&format!("{gid}(research)")));
    entra.command(&["group", "remove-member", "web-admins", &MARA.upn()])?.ok()?;
    ca.provision(entra, "incremental")?;
    ca.wait_for_hosts(PATIENCE)?;
    for web in [&one, &two] {
        mara.ssh(MARA.name, &web.host, "id")?.refused()?;
        let row = web.host.exec_ok(&["getent", "group", "research"])?;
        assert_eq!(row.trim(), format!("research:x:{gid}:"));
        assert!(!web.host.exec_ok(&["id", MARA.name])?.contains("printers"));
        assert_sound(web)?;
    }
    ca.command(&["audit", "verify"])?.ok()?;
    Ok(())
}

#[test]
fn a_group_that_a_host_has_already_is_a_problem_there_and_nowhere_else() -> Result<()> {
    let site = site()?;
    let Site { ca, entra, lab } = &site;
    let one = web(&site, "web-1", "true")?;
    ca.wait_for_hosts(PATIENCE)?;
    grant(ca, &["--posix-group", "research", "--local-group", "nowhere"])?;
    one.wait_for_account(MARA.name, PATIENCE)?;
    // Installed with a group of that name before it came.
    let two = web(&site, "web-2", "useradd frank && groupadd -g 1234 research && gpasswd -a frank research")?;
    two.wait_for_account(MARA.name, PATIENCE)?;
    ca.wait_for_hosts(PATIENCE)?;

    let hosts = json_of(ca, &["admin", "host", "ls"])?;
    let problems = |name: &str| -> Vec<String> {
        let all = hosts.as_array().into_iter().flatten();
        let of_host = all.filter(|host| host["name"].as_str().is_some_and(|full| full.starts_with(name)));
        let problems = of_host.flat_map(|host| host["problems"].as_array().cloned().unwrap_or_default());
        problems.map(|problem| format!("{} {}", problem["code"], problem["detail"])).collect()
    };
    let has = |name: &str, code: &str, about: &str| {
        problems(name).iter().any(|problem| problem.contains(code) && problem.contains(about))
    };
    assert!(has("web-2", "group_conflict", "research"), "{hosts}");
    assert!(!has("web-1", "group_conflict", "research"), "{hosts}");
    assert!(has("web-1", "group_missing", "nowhere"), "{hosts}");
    assert_eq!(two.host.exec_ok(&["getent", "group", "research"])?.trim(), "research:x:1234:frank");
    assert_sound(&two)?;

    // She comes in all the same, without the group that is not the one that is meant.
    let mara = Laptop::new(lab, MARA.name, ca, entra)?;
    mara.login(MARA, &[])?;
    mara.sallyport(&["config"])?.ok()?;
    assert!(!mara.ssh(MARA.name, &two.host, "id")?.ok()?.contains("research"));
    assert!(mara.ssh(MARA.name, &one.host, "id")?.ok()?.contains("(research)"));

    // What is somebody's is refused, each with what to do.
    for (more, why) in [
        (&["--posix-group", "frank"][..], "web-2"),
        (&["--posix-group", MARA.name], "mara.lind@contoso.test"),
        (&["--posix-group", "docker"], "--local-group docker"),
        (&["--posix-group", "nowhere"], "as a group that hosts have of their own"),
        (&["--posix-group", "Research"], "cannot hold"),
        (&["--local-group", "research"], "--posix-group research"),
        (&["--local-group", "sallyport-users"], "nobody is put in there"),
        (&["--local-group", MARA.name], "own group"),
        (&["--local-group", "docker"], "--root-equivalent"),
    ] {
        let refused = ca.command(&[&GRANT[..], more].concat())?.refused()?;
        assert!(refused.contains(why), "{more:?}: {refused}");
    }
    assert_eq!(json_of(ca, &["names", "groups"])?.as_array().map(Vec::len), Some(1));

    // A host that leaves keeps no group of ours, and its own as they were.
    drop(one.agent);
    let plan = one.host.exec_ok(&["sallyport-host", "leave", "--dry-run"])?;
    assert!(plan.contains("remove the group research"), "{plan}");
    one.host.exec_ok(&["sallyport-host", "leave"])?;
    one.host.exec(&["getent", "group", "research"])?.refused()?;
    one.host.exec_ok(&["grpck", "-r"])?;
    Ok(())
}

#[test]
fn a_lost_list_of_groups_is_built_anew_by_recover() -> Result<()> {
    let site = site()?;
    let Site { ca, .. } = &site;
    let one = web(&site, "web-1", "groupadd -g 1500 printers")?;
    ca.wait_for_hosts(PATIENCE)?;
    let giving = grant(ca, &["--posix-group", "research", "--local-group", "printers"])?;
    one.wait_for_account(MARA.name, PATIENCE)?;
    ca.wait_for_hosts(PATIENCE)?;
    let Enrolled { agent, host } = one;
    drop(agent);
    host.sh("rm /var/lib/sallyport-host/accounts.json")?;
    host.exec(&["sallyport-host", "apply", "--once"])?.refused()?;
    let said = host.exec_ok(&["sallyport-host", "recover"])?;
    assert!(said.contains("the group research with gid") && said.contains("in the group printers"), "{said}");
    host.exec_ok(&["sallyport-host", "apply", "--once"])?;
    ca.command(&["admin", "grant", "remove", &giving])?.ok()?;
    host.exec_ok(&["sallyport-host", "apply", "--once"])?;
    host.exec(&["getent", "group", "research"])?.refused()?;
    assert_eq!(host.exec_ok(&["getent", "group", "printers"])?.trim(), "printers:x:1500:");
    host.exec_ok(&["grpck", "-r"])?;
    Ok(())
}
