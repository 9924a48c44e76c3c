//! Another expression for a running system: one transaction, in which everybody's proposal is computed anew.
//!
//! Nobody who has a name is renamed by it; what changes for them is proposed, and waits for a decision.

use sallyport_audit::EventName;
use sallyport_domain::RequestId;
use sallyport_protocol::names::{ApplyExpression, PreviewNames, PreviewOf, PreviewSummary};
use sallyport_scim::User;
use sallyport_store::{ExpressionRow, LedgerRow, PersonRow, ResourceRow, StoreError, WriteTx};

use super::preview::parse;
use super::{Attributes, Mapping, Naming};
use crate::app::change::Change;
use crate::app::{App, AppError, people};

impl App {
    /// Gives what the expression makes of everybody.
    pub async fn apply_expression(
        &self,
        request: RequestId,
        ask: ApplyExpression,
    ) -> Result<PreviewSummary, AppError> {
        let mapping = match &ask.expression {
            Some(text) => parse(text)?,
            None => Mapping::clone(&self.naming().config().expression),
        };
        let text = mapping.source().to_owned();
        self.change(request, self.now(), move |tx, change| apply(tx, change, &mapping)).await?;
        let ask = PreviewNames { expression: Some(text), people: PreviewOf::Everybody };
        Ok(self.preview_names(ask).await?.summary)
    }
}

fn apply(tx: &mut dyn WriteTx, change: &mut Change, mapping: &Mapping) -> Result<(), AppError> {
    let before = tx.expression()?.map(|row| row.expression);
    let row = ExpressionRow { expression: mapping.source().to_owned(), applied_at: change.now };
    tx.set_expression(&row)?;
    let mut moved = 0_usize;
    for person in tx.people()? {
        let Some(resource) = tx.resource_of_person(person.id)? else { continue };
        if is_moved(tx, &change.naming, mapping, &person, &resource)? {
            people::settle(tx, change, &resource)?;
            moved += 1;
        }
    }
    let event = change.event(EventName::NamesApplied).with("expression", mapping.source());
    let event = event.with("before", before.unwrap_or_default());
    tx.append(&event.with("proposals_changed", moved))?;
    Ok(())
}

/// Whether the expression makes something else of the person than what the ledger says.
fn is_moved(
    tx: &mut dyn WriteTx,
    naming: &Naming,
    mapping: &Mapping,
    person: &PersonRow,
    resource: &ResourceRow,
) -> Result<bool, StoreError> {
    let user = User::from_document(resource.document.clone());
    let proposal = naming.propose(mapping, &user, Attributes::Scim(&resource.document));
    let known = tx.ledger(person.id)?.unwrap_or_else(|| LedgerRow::new(person.id));
    let same = match &proposal {
        Ok(name) => known.proposed.as_ref() == Some(name),
        Err(why) => known.proposed.is_none() && known.refusal.as_deref() == Some(why.to_string().as_str()),
    };
    Ok(!same)
}
