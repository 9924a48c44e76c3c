//! What a host says of itself. Believed of that host only.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use sallyport_audit::EventName;
use sallyport_domain::{HostId, HostState, RequestId};
use sallyport_protocol::{LocalNames, Report, ReportProblem};
use sallyport_store::{ForeignRows, HostRow, ReportRow};

use super::{App, AppError, AuthenticatedHost, naming};

/// As the agent calls it.
const CUT: &str = "local_names_cut";
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
        let local = report.local.map(foreign);
        if is_quiet(&from.host, &next, now) && !self.is_news(from.host.id, local.clone()).await? {
            return Ok(());
        }
        self.change(request, now, move |tx, change| {
            let Some(mut host) = tx.host(from.host.id)? else { return Ok(()) };
            if host.state == HostState::Retired {
                // Between the question who asks and this: what it calls its own would stand in the way for ever.
                return Ok(());
            }
            let news = host.report.applied != next.applied || host.report.problems != next.problems;
            if host.state == HostState::Pending || host.state == HostState::Silent {
                host.state = HostState::Live;
                tx.put_host(&host)?;
            }
            tx.put_report(host.id, &next)?;
            let moved = match &local {
                Some(local) => naming::note_foreign(tx, change, host.id, local)?,
                None => false,
            };
            if news || moved {
                let event = change.event(EventName::HostReported).of_host(host.id);
                let mut event =
                    event.with("applied", next.applied.value()).with("problems", next.problems.clone());
                if let Some(local) = local.filter(|_| moved) {
                    event = event.with("local_names", local.names.len()).with("local_ids", local.ids.len());
                }
                tx.append(&event)?;
            }
            Ok(())
        })
        .await
    }

    /// Whether the host tells something else of its local names than it did before.
    async fn is_news(&self, host: HostId, local: Option<ForeignRows>) -> Result<bool, AppError> {
        let Some(local) = local else { return Ok(false) };
        self.store().read(move |tx| Ok(tx.foreign_of(host)? != local)).await
    }
}

/// Sorted and each once, whatever the host sent, and no more than a host may keep from people.
fn foreign(local: LocalNames) -> ForeignRows {
    let names: BTreeSet<_> = local.names.into_iter().take(LocalNames::MOST).collect();
    let ids: BTreeSet<_> = local.ids.into_iter().take(LocalNames::MOST).collect();
    ForeignRows { names: names.into_iter().collect(), ids: ids.into_iter().collect() }
}

/// What an agent says itself, unless it is one that tells more than is taken, and counts on it.
fn cut(report: &Report) -> Option<ReportProblem> {
    let local = report.local.as_ref()?;
    let untold = [local.names.len(), local.ids.len()].map(|told| told.saturating_sub(LocalNames::MOST));
    let is_told = report.problems.iter().any(|problem| problem.code == CUT);
    let detail = format!(
        "the host tells more local names and numbers than are taken of one host ({} of either): {} names and {} numbers \
         were left out, and somebody can be given one of them",
        LocalNames::MOST,
        untold[0],
        untold[1]
    );
    (untold != [0, 0] && !is_told).then(|| ReportProblem { code: CUT.to_owned(), detail })
}

fn row(report: &Report, now: Timestamp) -> Result<ReportRow, AppError> {
    let problems: Result<Vec<_>, _> = cut(report)
        .iter()
        .chain(&report.problems)
        .take(Report::MOST_PROBLEMS)
        .map(|problem| {
            let detail: String = problem.detail.chars().take(LONGEST_DETAIL).collect();
            let code: String = problem.code.chars().take(LONGEST_DETAIL).collect();
            serde_json::to_value(ReportProblem { code, detail })
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
