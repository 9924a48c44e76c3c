//! What an expression would make of people, before anything is switched on.

use std::collections::HashMap;

use sallyport_domain::{ConflictReason, ObjectId, ResourceId, TenantId, UserState};
use sallyport_protocol::ProblemCode;
use sallyport_protocol::names::{
    AttributeSource, NamesPreview, PreviewNames, PreviewOf, PreviewProblem, PreviewRow,
};
use sallyport_scim::User;
use sallyport_store::{PersonRow, ReadTx, StoreError, folded};
use serde_json::{Map, Value};

use super::claims::{Candidate, Claims, Known, Turn, Who, problem};
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
                    PreviewOf::Everybody => preview.people(tx, None)?,
                    PreviewOf::Connection(name) => preview.people(tx, Some(tenant_of(tx, &name)?))?,
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
}

impl<'a> Preview<'a> {
    const fn new(
        tx: Option<&'a dyn ReadTx>,
        naming: &'a Naming,
        mapping: &'a Mapping,
        known: &'a Known,
    ) -> Self {
        Self { tx, naming, mapping, known, candidates: Vec::new() }
    }

    fn finish(self) -> Result<NamesPreview, StoreError> {
        Claims::new(self.tx, self.known, &self.naming.config().uid_ranges)?
            .judge(self.mapping.source(), self.candidates)
    }

    /// A row is a person who is here already, or somebody new.
    fn rows(&mut self, rows: Vec<PreviewRow>) -> Result<(), StoreError> {
        let index = Index::new(self.known);
        let mut lines = HashMap::new();
        let reads: Vec<String> = self.mapping.attributes().into_iter().map(ToOwned::to_owned).collect();
        for PreviewRow { line, source, attributes: row } in rows {
            let place = place(source, line);
            let attributes = Attributes::of(source, &row);
            let text = |name| attributes.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            let oid = text("oid").map(str::to_ascii_lowercase);
            let person = index.find(oid.as_deref(), text("userPrincipalName"));
            let proposal = self.naming.evaluate(self.mapping, attributes);
            let subject = oid.clone().or_else(|| person.map(subject));
            let subject = subject.unwrap_or_else(|| place.clone());
            let resource = match (self.tx, person) {
                (Some(tx), Some(person)) => tx.resource_of_person(person.id)?.map(|resource| resource.id),
                _ => None,
            };
            let mut one = self.candidate(person, resource, proposal)?;
            one.who = person.map_or(Who::Row(line), |person| Who::Person(person.id));
            let same = person.map(|person| person.id.to_string()).or(oid);
            one.problem = same.and_then(|same| repeated(&mut lines, same, &place));
            // Of a spreadsheet, what is in it; of a directory's objects, what counts.
            let attributes = if source == AttributeSource::Flat { row } else { shown(&reads, attributes) };
            self.candidates.push(Candidate { subject, attributes, ..one });
        }
        Ok(())
    }

    /// Of all tenants, for names are everybody's; those of others than `only` are not shown.
    fn people(&mut self, tx: &dyn ReadTx, only: Option<TenantId>) -> Result<(), StoreError> {
        let reads: Vec<String> = self.mapping.attributes().into_iter().map(ToOwned::to_owned).collect();
        for tenant in tx.connections()?.into_iter().map(|row| row.tenant) {
            let mut skip = 0;
            loop {
                let page = tx.resources(tenant, skip, PAGE)?;
                skip += page.items.len();
                let last = page.items.len() < PAGE;
                for row in page.items {
                    let Some(person) = self.known.people.get(&row.user) else { continue };
                    let attributes = Attributes::Scim(&row.document);
                    let shown = shown(&reads, attributes);
                    let user = User::from_document(row.document.clone());
                    let proposal = self.naming.propose(self.mapping, &user, attributes);
                    let one = self.candidate(Some(person), Some(row.id), proposal)?;
                    let hidden = only.is_some_and(|only| only != tenant);
                    self.candidates.push(Candidate { attributes: shown, hidden, ..one });
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
            problem: None,
            hidden: false,
        };
        let Some(person) = person else { return Ok(one) };
        (one.who, one.subject) = (Who::Person(person.id), subject(person));
        if person.posix_name.is_some() {
            one.turn = Turn::Named;
            return Ok(one);
        }
        let ledger = self.known.ledgers.get(&person.id);
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

/// People by what a row can say of them.
struct Index<'a> {
    objects: HashMap<ObjectId, Vec<&'a PersonRow>>,
    /// Of those who are not gone.
    names: HashMap<String, Vec<&'a PersonRow>>,
}

impl<'a> Index<'a> {
    fn new(known: &'a Known) -> Self {
        let mut index = Self { objects: HashMap::new(), names: HashMap::new() };
        for person in known.people.values() {
            if let Some(object) = person.object {
                index.objects.entry(object).or_default().push(person);
            }
            if is_here(person) {
                index.names.entry(folded(&person.user_name)).or_default().push(person);
            }
        }
        index
    }

    /// By the object id, and by the name only where a row has none: a namesake with an object id is somebody else.
    fn find(&self, oid: Option<&str>, name: Option<&str>) -> Option<&'a PersonRow> {
        let name = name.map(folded);
        let Some(oid) = oid else { return only(self.names.get(&name?)?.iter().copied()) };
        let found = self.objects.get(&oid.parse().ok()?)?;
        let here = || found.iter().copied().filter(|person| is_here(person));
        // Two tenants may have one object id.
        only(found.iter().copied()).or_else(|| only(here())).or_else(|| {
            let name = name?;
            only(here().filter(|person| folded(&person.user_name) == name))
        })
    }
}

fn only<T>(mut several: impl Iterator<Item = T>) -> Option<T> {
    several.next().filter(|_| several.next().is_none())
}

fn is_here(person: &PersonRow) -> bool {
    person.state != UserState::Gone
}

/// Which of two rows is right, nobody knows: the first counts.
fn repeated(places: &mut HashMap<String, String>, same: String, place: &str) -> Option<PreviewProblem> {
    let first = places.entry(same).or_insert_with(|| place.to_owned());
    let detail = || format!("{first} is about the same person; remove one of them");
    (first != place).then(|| problem("row_twice", detail(), vec![first.clone()]))
}

fn place(source: AttributeSource, line: usize) -> String {
    match source {
        AttributeSource::Flat => format!("line {line}"),
        _ => format!("entry {line}"),
    }
}

/// What the expression reads, and no more of a person's data.
fn shown(reads: &[String], attributes: Attributes<'_>) -> Map<String, Value> {
    let value = |name: &String| attributes.get(name).map(|value| (name.clone(), value.clone()));
    reads.iter().filter_map(value).collect()
}
