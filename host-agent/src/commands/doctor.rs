use std::ffi::OsStr;
use std::process::ExitCode;

use anyhow::Result;
use sallyport_client::{SystemClock, bootstrap};
use sallyport_domain::Clock;
use serde::Serialize;

use super::runtime;
use crate::accounts::AccountFiles;
use crate::agent::Agent;
use crate::cli::OutputFormat;
use crate::paths::Paths;
use crate::problem::{Code, chain};
use crate::seen::Seen;
use crate::sshd;
use crate::sudo;
use crate::tools::{Tools, run};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    detail: String,
}

/// Exit code 0: nothing is wrong.
pub(super) fn doctor(agent: &Agent, format: OutputFormat) -> Result<ExitCode> {
    let findings = examine(agent)?;
    match format {
        OutputFormat::Json => println!("{}", serde_json::to_string(&findings)?),
        OutputFormat::Text => {
            for Finding { check, ok, detail } in &findings {
                println!("{} {check}: {detail}", if *ok { "ok   " } else { "WRONG" });
            }
        }
    }
    Ok(if findings.iter().all(|finding| finding.ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

const TIMER: &str = "sallyport-host-lapse.timer";

/// Whether somebody sees to the end of the lease when the agent does not; `None` where systemd does not run.
fn timer(paths: &Paths) -> Option<std::result::Result<String, String>> {
    if !paths.systemd().exists() {
        return None;
    }
    let asked = run("systemctl", &["is-active", "--quiet", TIMER].map(OsStr::new));
    Some(if asked.is_ok_and(|output| output.success) {
        Ok(format!("{TIMER} runs"))
    } else {
        Err(format!(
            "{TIMER} does not run, so sessions and groups outlive the lease where the agent is stopped; run: systemctl enable --now {TIMER}"
        ))
    })
}

fn examine(agent: &Agent) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut note = |check, result: std::result::Result<String, String>| {
        let (ok, detail) = match result {
            Ok(detail) => (true, detail),
            Err(detail) => (false, detail),
        };
        findings.push(Finding { check, ok, detail });
    };
    let enrolment = agent.enrolment();
    note(
        "enrolment",
        enrolment.as_ref().map(|e| format!("{} with {}", e.name, e.ca.url())).map_err(|e| chain(e)),
    );
    if let Ok(enrolment) = &enrolment {
        let ca = &enrolment.ca;
        let answer = runtime()?.block_on(bootstrap(ca.url(), ca.fingerprint()));
        note("CA", answer.map(|_| "answers, and is the one that is pinned".into()).map_err(|e| chain(&e)));
        let now = SystemClock.now();
        note(
            "lease",
            match agent.position(enrolment).lease_until {
                Some(until) if until > now => Ok(format!("until {until}")),
                Some(until) => Err(format!(
                    "ended at {until}, so nobody has access; is sallyport-host running, and the CA reached?"
                )),
                None => Err("none yet; run: sallyport-host apply --once".into()),
            },
        );
    }
    if let Some(timer) = timer(&agent.paths) {
        note("end of the lease", timer);
    }
    note(
        "accounts",
        AccountFiles::read(&agent.paths).map(|_| "the files are whole".into()).map_err(|e| chain(&e)),
    );
    let word = agent.last_word().map(|word| word.uid_ranges).unwrap_or_default();
    let seen = Seen::scan(&agent.paths, &agent.state, &word);
    note(
        "list of our accounts",
        match seen
            .accounts
            .as_ref()
            .err()
            .filter(|why| why.code == Code::LedgerLost)
            .cloned()
            .or(seen.stray_problem())
        {
            None => Ok(format!("{} made here, now or once", seen.ledger.iter().count())),
            Some(problem) => Err(problem.detail),
        },
    );
    if !matches!(agent.state.trial(), Ok(None)) {
        let detail = "a change of sshd's configuration was interrupted; take it back and make it anew with: sallyport-host apply --once";
        note("sshd", Err(detail.into()));
    }
    note("sshd", agent.tools.check_sshd(None).map(|()| "its configuration is good".into()));
    if let Some(look) = sshd::look_at_certificate(&agent.sshd_site()) {
        note("host certificate", look.map(ToOwned::to_owned));
    }
    note(
        "sudo",
        if sudo::wired(&agent.paths) && agent.tools.has_visudo() {
            agent
                .tools
                .check_sudoers(&agent.paths.sudoers_main())
                .map(|()| "its configuration is good".into())
        } else {
            Err("not installed, or /etc/sudoers does not include /etc/sudoers.d; install it (apt-get install sudo), or add the line: @includedir /etc/sudoers.d".into())
        },
    );
    let problems = agent.state.applied().unwrap_or_default().problems;
    // Whether the CA answers was looked at above.
    for problem in problems.into_iter().filter(|problem| problem.code != Code::CaUnreachable.as_str()) {
        note("last run", Err(format!("{}: {}", problem.code, problem.detail)));
    }
    Ok(findings)
}
