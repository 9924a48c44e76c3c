//! The list of the accounts that we made is lost: nothing is adopted, nothing wiped, and there is a way back.

use anyhow::{Result, ensure};
use sallyport_tests::PATIENCE;

use super::Stage;

const LEDGER: &str = "/var/lib/sallyport-host/accounts.json";

#[test]
fn a_lost_or_damaged_list_of_accounts_is_told_and_built_anew() -> Result<()> {
    for lose in [format!("rm {LEDGER}"), format!("echo '{{' >{LEDGER}")] {
        let stage = Stage::enrolled()?;
        let ada = stage.engineer("ada", 70_001)?.with_sudo();
        let bob = stage.engineer("bob", 70_002)?.with_sudo();
        let cyd = stage.engineer("cyd", 70_003)?;
        stage.ca.grant(&[&ada, &bob]);
        stage.agent(&["apply", "--once"])?.ok()?;
        let mut session = stage.ssh(&bob)?.session("session", "echo here; sleep 300")?;
        session.wait_for_line("here", PATIENCE)?;

        stage.host.sh(&lose)?;
        let wanted = stage.ca.grant(&[&ada, &cyd]);
        let said = stage.agent(&["apply", "--once"])?.refused()?;
        ensure!(said.contains("ledger_lost") && said.contains("sallyport-host recover"), "{said}");
        ensure!(stage.status()?["applied_generation"].as_u64() < Some(wanted.value()));
        session.wait(PATIENCE)?;
        stage.ssh(&bob)?.run("true")?.refused()?;
        stage.ssh(&ada)?.run("sudo -n true")?.ok()?;
        stage.host.exec(&["id", "cyd"])?.refused()?;
        assert_eq!(stage.expiry("bob")?, "");
        for command in [&["doctor"][..], &["leave"]] {
            let said = stage.agent(command)?.refused()?;
            ensure!(said.contains("sallyport-host recover"), "{command:?}: {said}");
        }

        let before = stage.host.sh("cat /var/lib/sallyport-host/accounts.json || true")?;
        let rehearsed = stage.agent(&["recover", "--dry-run"])?.ok()?;
        ensure!(rehearsed.contains("ada with uid 70001 is ours, made for u:"), "{rehearsed}");
        ensure!(
            rehearsed.contains("bob with uid 70002 is ours; for whom it was made, nothing"),
            "{rehearsed}"
        );
        assert_eq!(stage.host.sh("cat /var/lib/sallyport-host/accounts.json || true")?, before);
        assert_eq!(stage.agent(&["recover"])?.ok()?, rehearsed);
        stage.agent(&["apply", "--once"])?.ok()?;
        assert_eq!(stage.status()?["applied_generation"], wanted.value());
        assert_eq!(stage.expiry("bob")?, "1");
        stage.ssh(&cyd)?.run("true")?.ok()?;
        stage.agent(&["doctor"])?.ok()?;

        // Whose bob's account is, the CA's word tells when he is back.
        stage.ca.grant(&[&ada, &bob]);
        let outcome = stage.agent(&["apply", "--once"])?;
        ensure!(outcome.stderr.contains("name_taken") && outcome.stderr.contains("sallyport-host recover"));
        stage.ssh(&bob)?.run("true")?.refused()?;
        stage.agent(&["recover"])?.ok()?;
        stage.agent(&["apply", "--once"])?.ok()?;
        stage.ssh(&bob)?.run("sudo -n true")?.ok()?;
        stage.files_are_whole()?;
    }
    Ok(())
}
