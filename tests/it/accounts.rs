//! What names and numbers become on a real host, from the directory through the real CA: adopted accounts, renames,
//! local users in the way, numbers that the directory chose.

mod successors;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use sallyport_tests::stage::{self, Authority, Enrolled, Laptop, MARA, Member};
use sallyport_tests::{EntraSim, Lab, Outcome, PATIENCE, Process, Ssh, wait_until};
use serde_json::{Value, json};

const GRANT: [&str; 8] = ["admin", "grant", "add", "--group", "web-admins", "--tag", "role=web", "--sudo"];
const PRINCIPALS: &str = "/etc/ssh/sallyport/principals";

/// A web server, a CA and a tenant, before anybody may do anything.
struct Site {
    // In the order in which they end.
    web: Enrolled,
    ca: Authority,
    entra: EntraSim,
    lab: Lab,
}

impl Site {
    /// With a host on which this was done before it was enrolled.
    fn new(before: &str) -> Result<Self> {
        let lab = Lab::new()?;
        let entra = stage::entra(&lab)?;
        let ca = Authority::start(&lab, &entra)?;
        ca.provision(&entra, "initial")?;
        let mut host = lab.host("web-1")?;
        host.start_sshd()?;
        host.sh(before)?;
        Enrolled::enroll(&host, &ca, "role=web")?.ok()?;
        let agent = Enrolled::run_agent(&host)?;
        let site = Self { web: Enrolled { agent, host }, ca, entra, lab };
        // What is local there is known from here on.
        site.ca.wait_for_hosts(PATIENCE)?;
        Ok(site)
    }

    fn grant(&self) -> Result<()> {
        self.ca.command(&GRANT)?.ok()?;
        self.ca.wait_for_hosts(PATIENCE)
    }

    fn laptop(&self) -> Result<Laptop> {
        let mara = Laptop::new(&self.lab, MARA.name, &self.ca, &self.entra)?;
        mara.login(MARA, &[])?;
        mara.sallyport(&["config"])?.ok()?;
        Ok(mara)
    }

    /// Changes something about Mara in the tenant, and waits until hosts know.
    fn set(&self, what: &str, value: &str) -> Result<()> {
        self.entra.command(&["user", "set", MARA.oid, what, value])?.ok()?;
        self.ca.provision(&self.entra, "incremental")?;
        self.ca.wait_for_hosts(PATIENCE)
    }

    fn names(&self, arguments: &[&str]) -> Result<String> {
        let said = self.ca.command(&[&["names"], arguments].concat())?.ok()?;
        self.ca.wait_for_hosts(PATIENCE)?;
        Ok(said)
    }

    /// Mara, as the CA has her.
    fn mara(&self) -> Result<Value> {
        let people = self.ca.command(&["admin", "user", "ls", "--format", "json"])?.ok()?;
        let people: Vec<Value> = serde_json::from_str(&people)?;
        people.into_iter().find(|person| person["user_name"] == MARA.upn()).context("no Mara")
    }

    /// What waits for a decision about her.
    fn issue(&self) -> Result<Value> {
        let issues: Vec<Value> = serde_json::from_str(&self.names(&["list", "--format", "json"])?)?;
        Ok(issues.into_iter().find(|issue| issue["subject"] == MARA.oid).unwrap_or_default())
    }

    /// Everything that stands about an account in the four files.
    fn rows(&self, name: &str) -> Result<String> {
        self.web.host.sh(&format!(
            "for f in passwd shadow group gshadow; do grep \"^{name}:\" /etc/$f; done; stat -c '%a %u %g' /home/{name}"
        ))
    }

    /// What her account has of ours.
    fn has_of_ours(&self, name: &str) -> Result<(bool, bool)> {
        let sudo = self.web.host.sh("cat /etc/sudoers.d/50-sallyport 2>/dev/null || true")?;
        Ok((self.web.host.exists(&format!("{PRINCIPALS}/{name}")), sudo.contains(name)))
    }

    /// An open session, in which a word can be had when asked for.
    fn session(&self, mara: &Laptop, name: &str) -> Result<Process> {
        let wait =
            "echo here; until [ -e /tmp/go ]; do sleep 0.1; done; echo \"still $(id -u)\"; exec sleep 3600";
        let mut session = mara.ssh_session(name, &self.web.host, wait)?;
        session.wait_for_line("here", PATIENCE)?;
        Ok(session)
    }
}

/// A key of the account's own, which the CA knows nothing of.
fn own_key(site: &Site, account: &str) -> Result<PathBuf> {
    let key = site.lab.folder().join("own-key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status()?;
    ensure!(made.success());
    let line = std::fs::read_to_string(key.with_extension("pub"))?;
    let home = format!("/home/{account}/.ssh");
    site.web.host.sh(&format!("install -d -o {account} -g {account} -m 700 {home}"))?;
    site.web.host.write_file(&format!("{home}/authorized_keys"), line)?;
    site.web
        .host
        .sh(&format!("chown {account}: {home}/authorized_keys; chmod 600 {home}/authorized_keys"))?;
    Ok(key)
}

#[test]
fn an_adopted_account_stays_what_it_was_and_access_to_it_comes_and_goes() -> Result<()> {
    let site = Site::new("useradd -m -u 1500 -s /bin/dash jsmith; echo mine >/home/jsmith/file")?;
    let key = own_key(&site, "jsmith")?;
    let by_key = || -> Result<Outcome> { Ssh::to(&site.web.host, "jsmith").identity(&key).run("id -u") };
    by_key()?.ok()?;
    let before = site.rows("jsmith")?;
    let keys =
        site.web.host.sh("sha256sum /home/jsmith/.ssh/authorized_keys; stat -c %Y /home/jsmith/.ssh")?;

    site.names(&["adopt", "jsmith", "--user", MARA.oid, "--host", "web-*.contoso.test"])?;
    site.grant()?;
    let mara = site.laptop()?;
    let said = mara.ssh("jsmith", &site.web.host, "id -u; echo $0; pwd; cat file; sudo -n id -u")?.ok()?;
    assert_eq!(said, "1500\ndash\n/home/jsmith\nmine\n0");
    // The account that she would have elsewhere is not made here.
    site.web.host.exec(&["getent", "passwd", MARA.name])?.refused()?;
    assert_eq!(site.rows("jsmith")?, before);
    assert_eq!(site.has_of_ours("jsmith")?, (true, true));

    let mut session = site.session(&mara, "jsmith")?;
    site.set("--enabled", "false")?;
    session.wait(PATIENCE).context("the session outlived the suspension")?;
    assert_eq!(site.has_of_ours("jsmith")?, (false, false));
    mara.ssh("jsmith", &site.web.host, "true")?.refused()?;
    assert_eq!(site.rows("jsmith")?, before);
    // It stays a local account: who adopts it keeps its keys knowingly (docs/decisions/0121).
    assert_eq!(by_key()?.ok()?, "1500");

    site.set("--enabled", "true")?;
    mara.login(MARA, &[])?;
    mara.ssh("jsmith", &site.web.host, "sudo -n true")?.ok()?;
    let mut session = site.session(&mara, "jsmith")?;
    site.names(&["adopt", "--remove", "jsmith", "--user", MARA.oid, "--host", "web-*.contoso.test"])?;
    session.wait(PATIENCE).context("the session outlived the adoption")?;
    mara.ssh("jsmith", &site.web.host, "true")?.refused()?;
    // She has an account of her own instead.
    assert!(mara.ssh(MARA.name, &site.web.host, "id")?.ok()?.starts_with("uid=70000(mara.lind)"));
    assert_eq!(site.rows("jsmith")?, before);
    let after =
        site.web.host.sh("sha256sum /home/jsmith/.ssh/authorized_keys; stat -c %Y /home/jsmith/.ssh")?;
    assert_eq!(after, keys);
    site.ca.command(&["audit", "verify"])?.ok()?;
    Ok(())
}

#[test]
fn an_approved_rename_keeps_uid_home_and_open_sessions_and_the_old_name_opens_nothing() -> Result<()> {
    let site = Site::new("true")?;
    site.grant()?;
    let mara = site.laptop()?;
    mara.ssh(MARA.name, &site.web.host, "echo mine >file")?.ok()?;
    let mut session = site.session(&mara, MARA.name)?;

    site.set("--upn", "mara.berg@contoso.test")?;
    assert_eq!(site.issue()?["kind"], "rename");
    mara.ssh(MARA.name, &site.web.host, "true").and_then(Outcome::ok).context("nothing was decided yet")?;
    site.names(&["approve", MARA.oid, "--name", "mara.berg"])?;

    let row = site.web.host.sh("getent passwd 70000; getent group 70000")?;
    assert_eq!(
        row.lines().map(|line| line.split(':').next().unwrap_or_default()).collect::<Vec<_>>(),
        ["mara.berg"; 2]
    );
    assert_eq!(row.split(':').nth(5), Some("/home/mara.lind"));
    site.web.host.exec(&["getent", "passwd", MARA.name])?.refused()?;
    // Her certificate names the old name, so it is revoked, under either name (docs/decisions/0115).
    for name in ["mara.berg", MARA.name] {
        mara.ssh(name, &site.web.host, "true")?.refused()?;
    }
    site.web.host.sh("touch /tmp/go")?;
    session.wait_for_line("still 70000", PATIENCE).context("an open session ended with the rename")?;

    mara.login(Member { name: "mara.berg", ..MARA }, &[])?;
    let said = mara.ssh("mara.berg", &site.web.host, "id -un; id -u; pwd; cat file; sudo -n id -u")?.ok()?;
    assert_eq!(said, "mara.berg\n70000\n/home/mara.lind\nmine\n0");
    mara.ssh(MARA.name, &site.web.host, "true")?.refused()?;
    assert_eq!(site.has_of_ours(MARA.name)?, (false, false));

    // The old name is hers to come back to, with all that was hers.
    site.names(&["assign", MARA.oid, MARA.name])?;
    mara.login(Member { name: "mara.berg", ..MARA }, &[])?;
    let said = mara.ssh(MARA.name, &site.web.host, "id -un; id -u; cat file; sudo -n id -u")?.ok()?;
    assert_eq!(said, "mara.lind\n70000\nmine\n0");
    mara.ssh("mara.berg", &site.web.host, "true")?.refused()?;
    site.web.host.exec(&["getent", "passwd", "mara.berg"])?.refused()?;
    site.ca.command(&["audit", "verify"])?.ok()?;
    Ok(())
}

#[test]
fn a_local_user_of_her_name_keeps_it_until_he_is_gone() -> Result<()> {
    let site = Site::new("useradd -m mara.lind")?;
    let key = own_key(&site, MARA.name)?;
    let before = site.rows(MARA.name)?;
    site.grant()?;
    let mara = site.mara()?;
    assert_eq!((&mara["state"], &mara["reason"]), (&json!("conflict"), &json!("name_foreign")), "{mara}");
    assert_eq!((&mara["posix_name"], &mara["uid"]), (&Value::Null, &Value::Null));
    let issue = site.issue()?;
    assert_eq!((&issue["kind"], &issue["proposed"]), (&json!("conflict"), &json!("mara.lind")));
    assert_eq!(issue["with"], json!(["web-1.contoso.test"]));
    let laptop = Laptop::new(&site.lab, MARA.name, &site.ca, &site.entra)?;
    laptop.login(MARA, &[]).expect_err("somebody without a name got a certificate");
    site.ca.command(&["names", "assign", MARA.oid, MARA.name])?.refused()?;
    assert_eq!(site.has_of_ours(MARA.name)?, (false, false));
    assert_eq!(site.rows(MARA.name)?, before);
    Ssh::to(&site.web.host, MARA.name).identity(&key).run("true")?.ok()?;

    // He leaves, with his files. The host tells, and she who waited for the name has it.
    site.web.host.sh("userdel -r mara.lind")?;
    site.web.host.exec_ok(&["sallyport-host", "apply", "--once"])?;
    wait_until("the host to tell that he is gone", PATIENCE, || {
        (site.mara().ok()?["posix_name"] == MARA.name).then_some(())
    })
    .with_context(|| format!("{:?}", site.mara()))?;
    assert_eq!(site.mara()?["state"], "active");
    laptop.login(MARA, &[])?;
    laptop.sallyport(&["config"])?.ok()?;
    let said = laptop.ssh(MARA.name, &site.web.host, "id; sudo -n true")?.ok()?;
    assert!(said.starts_with("uid=70000(mara.lind)"), "{said}");
    Ssh::to(&site.web.host, MARA.name).identity(&key).run("true")?.refused()?;
    Ok(())
}

#[test]
fn numbers_of_the_directory_stand_in_the_hosts_files() -> Result<()> {
    let site = Site::new("true")?;
    let filter = format!("/Users?filter=externalId%20eq%20%22{}%22", MARA.oid);
    let found = site.ca.scim("GET", &filter, None)?;
    let id = found["Resources"][0]["id"].as_str().context("no Mara")?.to_owned();
    let numbers = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
        { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:sallyport:2.0:User:uidNumber", "value": 5001 },
        { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:sallyport:2.0:User:gidNumber", "value": 5002 },
    ] });
    site.ca.scim("PATCH", &format!("/Users/{id}"), Some(&numbers))?;
    site.grant()?;
    let mara = site.laptop()?;
    let said = mara.ssh(MARA.name, &site.web.host, "id -u; id -g; stat -c '%u %g' .; sudo -n id -u")?.ok()?;
    assert_eq!(said, "5001\n5002\n5001 5002\n0");
    let rows = site.web.host.sh("getent passwd mara.lind; getent group mara.lind")?;
    assert!(rows.starts_with("mara.lind:x:5001:5002:") && rows.ends_with("\nmara.lind:x:5002:"), "{rows}");

    // What was pinned stays, and the wish is shown.
    let other = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
        { "op": "Replace", "path": "urn:ietf:params:scim:schemas:extension:sallyport:2.0:User:uidNumber", "value": 5003 },
    ] });
    site.ca.scim("PATCH", &format!("/Users/{id}"), Some(&other))?;
    assert_eq!(site.issue()?["kind"], "number");
    site.ca.wait_for_hosts(PATIENCE)?;
    assert_eq!(site.web.host.sh("id -u mara.lind")?, "5001");
    Ok(())
}
