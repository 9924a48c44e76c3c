//! What a host says of itself. Believed of that host only.

use jiff::{SignedDuration, Timestamp};
use sallyport_audit::EventName;
use sallyport_domain::{HostState, RequestId};
use sallyport_protocol::Report;
use sallyport_store::{HostRow, ReportRow};

use super::{App, AppError, AuthenticatedHost};

/// Problems kept of one report; a host with more has one problem: itself.
const MOST_PROBLEMS: usize = 100;
/// Characters kept of a problem's text.
const LONGEST_DETAIL: usize = 500;
/// A report that only says "still here" is kept at most this often.
const QUIET_STEP: SignedDuration = SignedDuration::from_secs(30);

impl App {
    pub async fn take_report(
        &self,
        request: RequestId,
        from: AuthenticatedHost,
        report: Report,
    ) -> Result<(), AppError> {
        let now = self.now();
        let next = row(&report, now)?;
        if is_quiet(&from.host, &next, now) {
            return Ok(());
        }
        self.change(request, now, move |tx, change| {
            let Some(mut host) = tx.host(from.host.id)? else { return Ok(()) };
            let news = host.report.applied != next.applied || host.report.problems != next.problems;
            if host.state == HostState::Pending || host.state == HostState::Silent {
                host.state = HostState::Live;
                tx.put_host(&host)?;
            }
            tx.put_report(host.id, &next)?;
            if news {
                let event = change.event(EventName::HostReported).of_host(host.id);
                let event =
                    event.with("applied", next.applied.value()).with("problems", next.problems.clone());
                tx.append(&event)?;
            }
            Ok(())
        })
        .await
    }
}

fn row(report: &Report, now: Timestamp) -> Result<ReportRow, AppError> {
    let problems: Result<Vec<_>, _> = report
        .problems
        .iter()
        .take(MOST_PROBLEMS)
        .map(|problem| {
            let detail: String = problem.detail.chars().take(LONGEST_DETAIL).collect();
            let code: String = problem.code.chars().take(LONGEST_DETAIL).collect();
            serde_json::to_value(sallyport_protocol::ReportProblem { code, detail })
        })
        .collect();
    Ok(ReportRow {
        applied: report.applied,
        lease_until: report.lease_until,
        seen_at: Some(now),
        problems: problems.map_err(|error| AppError::internal("a report", error))?,
    })
}

fn is_quiet(host: &HostRow, next: &ReportRow, now: Timestamp) -> bool {
    let known = &host.report;
    let recent = known.seen_at.is_some_and(|seen| now.duration_since(seen) < QUIET_STEP);
    recent
        && host.state != HostState::Pending
        && known.applied == next.applied
        && known.problems == next.problems
}
