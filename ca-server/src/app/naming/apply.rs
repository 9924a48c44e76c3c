//! Another expression for a running system: one transaction, in which everybody's proposal changes.
//!
//! Nobody who has a name is renamed by it; what changes for them is proposed, and waits for a decision. What the
//! expression makes of everybody is computed before, on a snapshot: the transaction only writes what differs, and looks
//! at those again who were written meanwhile.

mod journal;
mod plan;

use std::sync::Arc;
use std::time::Instant;

use sallyport_audit::EventName;
use sallyport_domain::{RequestId, UserId};
use sallyport_protocol::names::{ApplyExpression, PreviewNames, PreviewOf, PreviewSummary};
use sallyport_store::{ExpressionRow, WriteTx};

pub(super) use self::journal::Journal;
use self::journal::Noted;
use self::plan::{Step, plan};
use super::Mapping;
use super::preview::parse;
use crate::app::change::Change;
use crate::app::{App, AppError, people};

impl App {
    /// Gives what the expression makes of everybody.
    pub async fn apply_expression(
        &self,
        request: RequestId,
        ask: ApplyExpression,
    ) -> Result<PreviewSummary, AppError> {
        let mapping = Arc::new(match &ask.expression {
            Some(text) => parse(text)?,
            None => Mapping::clone(&self.naming().config().expression),
        });
        let text = mapping.source().to_owned();
        // By itself: whoever asked may go away, and the journal has to stay open until the transaction is over.
        let app = self.clone();
        let running = tokio::spawn(async move { app.put_in_force(request, mapping).await });
        running.await.map_err(|error| AppError::internal("putting an expression in force", error))??;
        let ask = PreviewNames { expression: Some(text), people: PreviewOf::Everybody };
        Ok(self.preview_names(ask).await?.summary)
    }

    /// One at a time: a plan says what differs from the expression in force.
    async fn put_in_force(&self, request: RequestId, mapping: Arc<Mapping>) -> Result<(), AppError> {
        let journal = self.naming().journal();
        let _alone = journal.alone().await;
        let open = journal.open();
        // Writes are one after the other: what was judged before the journal was open is in the snapshot after this.
        self.store().write(|_| Ok::<_, AppError>(())).await?;
        let (naming, of) = (Arc::clone(self.naming()), Arc::clone(&mapping));
        let steps = self.store().read(move |tx| Ok::<_, AppError>(plan(tx, &naming, &of)?)).await?;
        let noted = self.naming().clone();
        // Nothing is refused after its first change, and a savepoint would copy every page of everybody's rows.
        self.change_firm(request, self.now(), move |tx, change| {
            let begun = Instant::now();
            let noted = noted.journal().take();
            let noted = noted.ok_or_else(|| AppError::internal("an application", "its journal is closed"))?;
            let moved = carry_out(tx, change, &mapping, &steps, &noted)?;
            let held = begun.elapsed().as_millis();
            tracing::info!(proposals_changed = moved, held_ms = %held, "an expression was put in force");
            Ok::<_, AppError>(())
        })
        .await?;
        drop(open);
        Ok(())
    }
}

fn carry_out(
    tx: &mut dyn WriteTx,
    change: &mut Change,
    mapping: &Mapping,
    steps: &[(UserId, Step)],
    noted: &Noted,
) -> Result<usize, AppError> {
    let before = tx.expression()?.map(|row| row.expression);
    tx.set_expression(&ExpressionRow { expression: mapping.source().to_owned(), applied_at: change.now })?;
    let planned = steps.iter().filter(|(user, _)| !noted.users.contains(user));
    for (user, step) in planned {
        match step {
            Step::Propose(proposal) => {
                tx.put_proposal(*user, proposal.as_ref().map_err(String::as_str), change.now)?;
            }
            Step::Settle => settle(tx, change, *user)?,
        }
    }
    for user in &noted.users {
        settle(tx, change, *user)?;
    }
    // Whoever has another proposal now was no claimant of these when they moved.
    for name in &noted.names {
        change.moved.name(name);
    }
    let moved = steps.len();
    let event = change.event(EventName::NamesApplied).with("expression", mapping.source());
    let event = event.with("before", before.unwrap_or_default());
    tx.append(&event.with("proposals_changed", moved))?;
    Ok(moved)
}

fn settle(tx: &mut dyn WriteTx, change: &mut Change, user: UserId) -> Result<(), AppError> {
    if let Some(resource) = tx.resource_of_person(user)? {
        people::settle(tx, change, &resource)?;
    }
    Ok(())
}
