//! What is told, in order.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::Narrator;
use crate::stage::{self, Authority, Enrolled, Laptop, MARA};
use crate::{EntraSim, Lab, PATIENCE, Process};

/// All that was set up. Dropped, it is gone: the fields in this order.
#[derive(Debug)]
pub(super) struct Stage {
    laptop: Laptop,
    web: Enrolled,
    db: Enrolled,
    ca: Authority,
    entra: EntraSim,
    _lab: Lab,
}

impl Stage {
    /// What a person may try when the story is over and all of it still up.
    pub(super) fn by_hand(&self) -> Vec<String> {
        let bin = crate::process::bin_dir().map_or_else(|_| String::new(), |bin| bin.display().to_string());
        let home = self.laptop.home().display();
        let agent = self.laptop.agent().socket().display();
        let (ca, fingerprint) = (self.ca.url(), self.ca.fingerprint());
        let ssh = |host: &Enrolled| {
            let (address, fqdn) = (host.host.address(), host.host.fqdn());
            format!(
                "ssh -F {home}/.ssh/config -o HostName={address} -o HostKeyAlias={fqdn} -l {} {fqdn}",
                MARA.name
            )
        };
        vec![
            format!("export HOME={home} SSH_AUTH_SOCK={agent} SSL_CERT_FILE={}", self.entra.root().display()),
            format!("export PATH={bin}:$PATH"),
            format!(
                "entra-sim user set {} --enabled true --sim {}",
                MARA.oid,
                self.entra.url().unwrap_or_default()
            ),
            self.ca.provision_by_hand(&self.entra),
            format!("sallyport login {} --no-browser --ca {ca} --ca-fingerprint {fingerprint}", MARA.upn()),
            format!("    (her password is '{}')", MARA.password),
            ssh(&self.web),
            ssh(&self.db),
            format!("sallyport-ca admin host ls --config {}", self.ca.config().display()),
        ]
    }
}

pub(super) fn tell(narrator: &mut Narrator) -> Result<Stage> {
    let (lab, entra) = narrator.step("An Entra-like tenant comes up on a private network", || {
        let lab = Lab::new()?;
        let entra = stage::entra(&lab)?;
        Narrator::tell(format!("issuer {}", entra.issuer()));
        Ok((lab, entra))
    })?;
    let ca = narrator.step("A certificate authority comes up", || {
        let ca = Authority::start(&lab, &entra)?;
        Narrator::tell(format!("{} with the fingerprint {}", ca.url(), ca.fingerprint()));
        Ok(ca)
    })?;
    narrator.step("Entra's provisioning service pushes users and groups by SCIM", || {
        Narrator::tell(ca.provision(&entra, "initial")?.stderr);
        Narrator::tell(ca.command(&["admin", "user", "ls"])?.ok()?);
        Ok(())
    })?;
    let [web, db] = narrator.step("Two Linux hosts boot and are enrolled", || enroll(&lab, &ca))?;
    grant(narrator, &ca, &web)?;
    let laptop = log_in(narrator, &lab, &ca, &entra)?;
    enter(narrator, &laptop, &web, &db)?;
    leave(narrator, &laptop, &ca, &entra, &web)?;
    narrator.step("The record holds together", || {
        Narrator::tell(ca.command(&["audit", "verify"])?.ok()?);
        Ok(())
    })?;
    Ok(Stage { laptop, web, db, ca, entra, _lab: lab })
}

fn enroll(lab: &Lab, ca: &Authority) -> Result<[Enrolled; 2]> {
    let web = Enrolled::start(lab, ca, "web-1", "role=web")?;
    let db = Enrolled::start(lab, ca, "db-1", "role=db")?;
    ca.wait_for_hosts(PATIENCE)?;
    Narrator::tell(ca.command(&["admin", "host", "ls"])?.ok()?);
    Ok([web, db])
}

fn grant(narrator: &mut Narrator, ca: &Authority, web: &Enrolled) -> Result<()> {
    narrator.step("The group web-admins is granted the web servers, with sudo", || {
        Narrator::tell("$ sallyport-ca admin grant add --group web-admins --tag role=web --sudo");
        let begun = Instant::now();
        Narrator::tell(
            ca.command(&["admin", "grant", "add", "--group", "web-admins", "--tag", "role=web", "--sudo"])?
                .ok()?,
        );
        web.wait_for_account(MARA.name, PATIENCE)?;
        Narrator::tell(format!(
            "the account {} is on web-1 after {:.2} s",
            MARA.name,
            begun.elapsed().as_secs_f64()
        ));
        // The sudo rule follows the account; the report says that all of it is there.
        ca.wait_for_hosts(PATIENCE)
    })
}

fn log_in(narrator: &mut Narrator, lab: &Lab, ca: &Authority, entra: &EntraSim) -> Result<Laptop> {
    narrator.step("Mara logs in", || {
        let laptop = Laptop::new(lab, MARA.name, ca, entra)?;
        Narrator::tell(format!("$ sallyport login {}", MARA.upn()));
        Narrator::tell(laptop.login(MARA, &[])?);
        Narrator::tell("$ sallyport config");
        let config = laptop.sallyport(&["config"])?;
        Narrator::tell(&config.stderr);
        config.ok()?;
        Ok(laptop)
    })
}

fn enter(narrator: &mut Narrator, laptop: &Laptop, web: &Enrolled, db: &Enrolled) -> Result<()> {
    narrator.step("Plain ssh opens a shell on the host that her group may enter", || {
        Narrator::tell(format!("$ ssh {}@{} id", MARA.name, web.host.fqdn()));
        Narrator::tell(laptop.ssh(MARA.name, &web.host, "id")?.ok()?);
        Ok(())
    })?;
    narrator.step("sudo works there", || {
        Narrator::tell(format!("$ ssh {}@{} sudo -n id -un", MARA.name, web.host.fqdn()));
        Narrator::tell(laptop.ssh(MARA.name, &web.host, "sudo -n id -un")?.ok()?);
        Ok(())
    })?;
    narrator.step("The other host refuses her", || {
        Narrator::tell(format!("$ ssh {}@{} id", MARA.name, db.host.fqdn()));
        Narrator::tell(laptop.ssh(MARA.name, &db.host, "id")?.refused()?);
        Ok(())
    })
}

fn leave(
    narrator: &mut Narrator,
    laptop: &Laptop,
    ca: &Authority,
    entra: &EntraSim,
    web: &Enrolled,
) -> Result<()> {
    let mut session = narrator.step("She keeps a session open on web-1", || {
        Narrator::tell(format!("$ ssh {}@{}", MARA.name, web.host.fqdn()));
        let mut session = laptop.ssh_session(MARA.name, &web.host, "echo in; exec sleep 3600")?;
        session.wait_for_line("in", PATIENCE)?;
        Ok(session)
    })?;
    narrator.step("She is disabled in the directory, and the session ends", || {
        Narrator::tell(format!("$ entra-sim user set {} --enabled false", MARA.oid));
        entra.command(&["user", "set", MARA.oid, "--enabled", "false"])?.ok()?;
        Narrator::tell("$ entra-sim provision --cycle incremental");
        let begun = Instant::now();
        Narrator::tell(ca.provision(entra, "incremental")?.stderr);
        ended(&mut session)?;
        Narrator::tell(format!(
            "the session ended {:.2} s after the cycle began",
            begun.elapsed().as_secs_f64()
        ));
        ca.wait_for_hosts(PATIENCE)
    })?;
    narrator.step("The certificate that she still has opens nothing any more", || {
        Narrator::tell(format!("$ ssh {}@{} id", MARA.name, web.host.fqdn()));
        Narrator::tell(laptop.ssh(MARA.name, &web.host, "id")?.refused()?);
        Ok(())
    })?;
    narrator.step("The next login is refused, by Entra itself", || {
        Narrator::tell(format!("$ sallyport login {}", MARA.upn()));
        let refusal = laptop.login(MARA, &[]).err().context("a disabled person logged in")?.to_string();
        // The page's own words, from the error number on.
        let words = refusal.find("AADSTS").map_or(refusal.as_str(), |at| &refusal[at..]);
        Narrator::tell(words.split(" to continue").next().unwrap_or(words));
        Ok(())
    })
}

fn ended(session: &mut Process) -> Result<()> {
    let status = session.wait(PATIENCE)?;
    ensure!(!status.success(), "the session ended by itself");
    Ok(())
}
