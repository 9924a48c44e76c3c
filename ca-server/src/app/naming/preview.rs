//! What an expression would make of people, before anything is switched on.

mod rows;

use std::collections::HashSet;

use sallyport_domain::{ConflictReason, ResourceId, TenantId, UserId, UserState};
use sallyport_protocol::ProblemCode;
use sallyport_protocol::names::{NamesPreview, PreviewNames, PreviewOf, PreviewRow};
use sallyport_scim::User;
use sallyport_store::{PersonRow, ReadTx, StoreError};
use serde_json::{Map, Value};

use super::claims::{Candidate, Claims, Known, Turn, Who};
use super::decide::subject;
use super::settings::Proposal;
use super::{Attributes, Mapping, Naming, Unnamed};
use crate::app::change::is_granted;
use crate::app::{App, AppError};

/// Resources that are read at a time.
const PAGE: usize = 5_000;

impl App {
    pub async fn preview_names(&self, ask: PreviewNames) -> Result<NamesPreview, AppError> {
        let app = self.clone();
        self.store()
            .read(move |tx| {
                let naming = app.naming();
                let mapping = match &ask.expression {
                    Some(text) => std::sync::Arc::new(parse(text)?),
                    None => naming.active(tx)?,
                };
                let known = known(tx)?;
                let mut preview = Preview::new(Some(tx), naming, &mapping, &known);
                match ask.people {
                    PreviewOf::Rows(rows) => preview.rows(rows)?,
                    PreviewOf::Everybody => preview.people(tx, |_| true)?,
                    PreviewOf::Connection(name) => {
                        let only = tenant_of(tx, &name)?;
                        preview.people(tx, |tenant| tenant == only)?;
                    }
                }
                Ok(preview.finish()?)
            })
            .await
    }
}

/// A preview of rows alone, where there is no CA.
///
/// # Errors
/// None of the store's, for none is asked.
pub fn preview_rows(
    naming: &Naming,
    mapping: &Mapping,
    rows: Vec<PreviewRow>,
) -> Result<NamesPreview, StoreError> {
    let known = Known::default();
    let mut preview = Preview::new(None, naming, mapping, &known);
    preview.rows(rows)?;
    preview.finish()
}

/// An expression that an administrator typed.
pub(super) fn parse(text: &str) -> Result<Mapping, AppError> {
    Mapping::parse(text)
        .map_err(|bad| AppError::refused(ProblemCode::Malformed, format!("the expression: {bad}")))
}

fn tenant_of(tx: &dyn ReadTx, name: &str) -> Result<TenantId, AppError> {
    let row = name.parse().ok().map(|name| tx.connection(&name)).transpose()?.flatten();
    row.map(|row| row.tenant).ok_or_else(|| {
        let detail = format!("there is no connection {name:?}; run: sallyport-ca connection list");
        AppError::refused(ProblemCode::NotFound, detail)
    })
}

/// People as they come.
struct Preview<'a> {
    tx: Option<&'a dyn ReadTx>,
    naming: &'a Naming,
    mapping: &'a Mapping,
    known: &'a Known,
    candidates: Vec<Candidate>,
    /// Of whom a row of the file tells.
    told: HashSet<UserId>,
}

impl<'a> Preview<'a> {
    fn new(tx: Option<&'a dyn ReadTx>, naming: &'a Naming, mapping: &'a Mapping, known: &'a Known) -> Self {
        Self { tx, naming, mapping, known, candidates: Vec::new(), told: HashSet::new() }
    }

    fn finish(self) -> Result<NamesPreview, StoreError> {
        Claims::new(self.tx, self.known, &self.naming.config().uid_ranges, &self.candidates)?
            .judge(self.mapping.source(), self.candidates)
    }

    /// Of all tenants, for names are everybody's, as far as no row tells of them. Those of some are shown.
    fn people(&mut self, tx: &dyn ReadTx, is_shown: impl Fn(TenantId) -> bool) -> Result<(), StoreError> {
        let reads: Vec<String> = self.mapping.attributes().into_iter().map(ToOwned::to_owned).collect();
        for tenant in tx.connections()?.into_iter().map(|row| row.tenant) {
            let is_shown = is_shown(tenant);
            let mut skip = 0;
            loop {
                let page = tx.resources(tenant, skip, PAGE)?;
                skip += page.items.len();
                let last = page.items.len() < PAGE;
                for row in page.items.into_iter().filter(|row| !self.told.contains(&row.user)) {
                    let Some(person) = self.known.people.get(&row.user) else { continue };
                    let attributes = Attributes::Scim(&row.document);
                    let shown = if is_shown { shown(&reads, attributes) } else { Map::new() };
                    let user = User::from_document(row.document.clone());
                    let proposal = self.naming.propose(self.mapping, user.posix_name(), attributes);
                    let one = self.candidate(Some(person), Some(row.id), proposal)?;
                    self.candidates.push(Candidate { attributes: shown, hidden: !is_shown, ..one });
                }
                if last {
                    break;
                }
            }
        }
        Ok(())
    }

    /// What was given by hand counts before what the expression makes, until the person has a name.
    fn candidate(
        &self,
        person: Option<&PersonRow>,
        resource: Option<ResourceId>,
        proposal: Proposal,
    ) -> Result<Candidate, StoreError> {
        let mut one = Candidate {
            who: Who::Row(0),
            turn: Turn::Waiting,
            subject: String::new(),
            attributes: Map::new(),
            proposal,
            wants: [None, None],
            problem: None,
            hidden: false,
        };
        let Some(person) = person else { return Ok(one) };
        let ledger = self.known.ledgers.get(&person.id);
        (one.who, one.subject) = (Who::Person(person.id), subject(person));
        one.wants = ledger.map_or([None, None], |row| [row.wanted_uid, row.wanted_gid]);
        if person.posix_name.is_some() {
            one.turn = Turn::Named;
            return Ok(one);
        }
        if let Some(assigned) = ledger.and_then(|row| row.assigned.as_ref()) {
            // It may be older than the rule.
            let rule = &self.naming.config().rule;
            one.proposal = rule.check(assigned.as_str()).map_err(Unnamed::Refused);
        }
        if let (Some(tx), Some(resource)) = (self.tx, resource)
            && may_be_named(person)
            && is_granted(tx, resource)?
        {
            one.turn = Turn::Reached;
        }
        Ok(one)
    }
}

/// Whether nothing but the name keeps the person from one.
fn may_be_named(person: &PersonRow) -> bool {
    match person.state {
        UserState::Active => true,
        UserState::Conflict => person.reason != Some(ConflictReason::NoObjectId),
        UserState::Suspended | UserState::Gone => false,
    }
}

fn known(tx: &dyn ReadTx) -> Result<Known, StoreError> {
    Ok(Known {
        people: tx.people()?.into_iter().map(|person| (person.id, person)).collect(),
        ledgers: tx.ledgers()?.into_iter().map(|row| (row.user, row)).collect(),
    })
}

/// What the expression reads, and no more of a person's data.
fn shown(reads: &[String], attributes: Attributes<'_>) -> Map<String, Value> {
    let value = |name: &String| attributes.get(name).map(|value| (name.clone(), value.clone()));
    reads.iter().filter_map(value).collect()
}
