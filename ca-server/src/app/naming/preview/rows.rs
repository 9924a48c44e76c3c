//! Rows of a file: people who are here already, and people who would be new.

use std::collections::HashMap;

use sallyport_domain::{ObjectId, UserState};
use sallyport_protocol::names::{AttributeSource, PreviewProblem, PreviewRow};
use sallyport_scim::User;
use sallyport_store::{PersonRow, ReadTx, ResourceRow, StoreError, folded};
use serde_json::Value;

use super::super::claims::{Candidate, Known, Who, problem};
use super::super::decide::subject;
use super::super::{Attributes, wishes};
use super::{Preview, shown};

impl Preview<'_> {
    /// As if a directory sent what the rows say. Whom none of them is about stays as they are, and comes before whoever
    /// is new: their names and numbers count, and they are not shown.
    pub(super) fn rows(&mut self, rows: Vec<PreviewRow>) -> Result<(), StoreError> {
        let index = Index::new(self.known);
        let mut places = HashMap::new();
        let reads: Vec<String> = self.mapping.attributes().into_iter().map(ToOwned::to_owned).collect();
        for PreviewRow { line, source, attributes: row } in rows {
            let place = place(source, line);
            let attributes = Attributes::of(source, &row);
            let text = |name| attributes.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            let oid = text("oid").map(str::to_ascii_lowercase);
            let person = index.find(oid.as_deref(), text("userPrincipalName"));
            let mut one = self.row(line, person, attributes)?;
            // A row that cannot be is refused when a directory sends it: whom it is about stays as they are.
            if one.problem.is_none() {
                let same = person.map(|person| person.id.to_string()).or_else(|| oid.clone());
                one.problem = same.and_then(|same| repeated(&mut places, same, &place));
                self.told.extend(person.map(|person| person.id));
            }
            let subject = oid.or_else(|| person.map(subject)).unwrap_or(place);
            // Of a spreadsheet, what is in it; of a directory's objects, what counts.
            let attributes = if source == AttributeSource::Flat { row } else { shown(&reads, attributes) };
            self.candidates.push(Candidate { subject, attributes, ..one });
        }
        self.tx.map_or(Ok(()), |tx| self.people(tx, |_| false))
    }

    /// What a row leaves out stays as it is on record, but for a whole SCIM user: what that one lacks, the directory
    /// sends no more.
    fn row(
        &self,
        line: usize,
        person: Option<&PersonRow>,
        attributes: Attributes<'_>,
    ) -> Result<Candidate, StoreError> {
        let resource = self.resource_of(person)?;
        let recorded = resource.as_ref().filter(|_| !matches!(attributes, Attributes::Scim(_)));
        let recorded = recorded.map(|resource| User::from_document(resource.document.clone()));
        let name = wishes::name(attributes);
        let name = name.or_else(|| recorded.as_ref()?.posix_name().map(ToOwned::to_owned));
        let proposal = self.naming.propose(self.mapping, name.as_deref(), attributes);
        let mut one = self.candidate(person, resource.map(|resource| resource.id), proposal)?;
        one.who = person.map_or(Who::Row(line), |person| Who::Person(person.id));
        match wishes::numbers(attributes) {
            Ok([uid, gid]) => {
                let recorded = recorded.as_ref();
                one.wants = [
                    uid.or(recorded.and_then(User::uid_number)),
                    gid.or(recorded.and_then(User::gid_number)),
                ];
            }
            Err(detail) => one.problem = Some(problem("uid_impossible", detail, Vec::new())),
        }
        Ok(one)
    }

    fn resource_of(&self, person: Option<&PersonRow>) -> Result<Option<ResourceRow>, StoreError> {
        let of = |tx: &dyn ReadTx| person.map(|person| tx.resource_of_person(person.id)).transpose();
        Ok(self.tx.map(of).transpose()?.flatten().flatten())
    }
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

    /// By the object id. By the name where the row has no object id, or where the namesake has none yet, who would be
    /// linked to it; a namesake with another one is somebody else.
    fn find(&self, oid: Option<&str>, name: Option<&str>) -> Option<&'a PersonRow> {
        let name = name.map(folded);
        let namesakes = || name.as_ref().and_then(|name| self.names.get(name)).into_iter().flatten().copied();
        let Some(object) = oid.and_then(|oid| oid.parse().ok()) else { return only(namesakes()) };
        let Some(found) = self.objects.get(&object) else {
            return only(namesakes().filter(|person| person.object.is_none()));
        };
        let here = || found.iter().copied().filter(|person| is_here(person));
        // Two tenants may have one object id.
        only(found.iter().copied()).or_else(|| only(here())).or_else(|| {
            let name = name.as_deref()?;
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
