//! What an expression would make of people, before anything is switched on.

use std::collections::HashMap;

use sallyport_domain::{PosixName, TenantId};
use sallyport_protocol::ProblemCode;
use sallyport_protocol::names::{
    NamesPreview, PreviewNames, PreviewOf, PreviewProblem, PreviewSummary, PreviewedPerson,
};
use sallyport_scim::User;
use sallyport_store::{ReadTx, StoreError};
use serde_json::{Map, Value};

use super::decide::subject;
use super::review::{Obstacle, obstacle};
use super::settings::Proposal;
use super::{Attributes, Mapping, Naming, Unnamed};
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
                let mut preview = Preview::new(mapping.source());
                preview.hold_names(tx)?;
                match ask.people {
                    PreviewOf::Rows(rows) => preview.rows(naming, &mapping, rows),
                    PreviewOf::Everybody => preview.people(tx, naming, &mapping, None)?,
                    PreviewOf::Connection(name) => {
                        let tenant = tenant_of(tx, &name)?;
                        preview.people(tx, naming, &mapping, Some(tenant))?;
                    }
                }
                preview.hosts(tx)?;
                Ok(preview.finish())
            })
            .await
    }
}

/// A preview of rows alone, where there is no CA.
pub fn preview_rows(naming: &Naming, mapping: &Mapping, rows: Vec<Map<String, Value>>) -> NamesPreview {
    let mut preview = Preview::new(mapping.source());
    preview.rows(naming, mapping, rows);
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

/// People as they come, and who has claimed which name so far.
struct Preview {
    summary: PreviewSummary,
    people: Vec<PreviewedPerson>,
    /// Whose a name is or was, or would be: an index into `people`, or the subject of somebody who is not among them.
    claims: HashMap<PosixName, String>,
    /// Names that people have, by subject.
    current: HashMap<String, PosixName>,
}

impl Preview {
    fn new(expression: &str) -> Self {
        Self {
            summary: PreviewSummary { expression: expression.to_owned(), ..PreviewSummary::default() },
            people: Vec::new(),
            claims: HashMap::new(),
            current: HashMap::new(),
        }
    }

    /// Names that are or were somebody's are taken before anybody is looked at.
    fn hold_names(&mut self, tx: &dyn ReadTx) -> Result<(), StoreError> {
        let mut subjects = HashMap::new();
        for person in tx.people()? {
            let subject = subject(&person);
            if let Some(name) = person.posix_name {
                self.current.insert(subject.clone(), name);
            }
            subjects.insert(person.id, subject);
        }
        for row in tx.names()?.into_iter().filter(|row| row.freed_at.is_none()) {
            if let Some(subject) = subjects.get(&row.user) {
                self.claims.insert(row.name, subject.clone());
            }
        }
        Ok(())
    }

    fn rows(&mut self, naming: &Naming, mapping: &Mapping, rows: Vec<Map<String, Value>>) {
        for (index, row) in rows.into_iter().enumerate() {
            let attributes = Attributes::Flat(&row);
            let oid = attributes.get("oid").and_then(Value::as_str).filter(|oid| !oid.is_empty());
            // Line 1 is the header.
            let subject = oid.map_or_else(|| format!("line {}", index + 2), str::to_ascii_lowercase);
            let proposal = naming.evaluate(mapping, attributes);
            self.add(subject, row, proposal);
        }
    }

    fn people(
        &mut self,
        tx: &dyn ReadTx,
        naming: &Naming,
        mapping: &Mapping,
        tenant: Option<TenantId>,
    ) -> Result<(), StoreError> {
        let reads: Vec<String> = mapping.attributes().into_iter().map(ToOwned::to_owned).collect();
        let tenants = match tenant {
            Some(tenant) => vec![tenant],
            None => tx.connections()?.into_iter().map(|row| row.tenant).collect(),
        };
        for tenant in tenants {
            let mut skip = 0;
            loop {
                let page = tx.resources(tenant, skip, PAGE)?;
                skip += page.items.len();
                let last = page.items.len() < PAGE;
                for row in page.items {
                    let Some(person) = tx.person(row.user)? else { continue };
                    let attributes = Attributes::Scim(&row.document);
                    let shown = shown(&reads, attributes);
                    let user = User::from_document(row.document.clone());
                    let proposal = naming.propose(mapping, &user, attributes);
                    self.add(subject(&person), shown, proposal);
                }
                if last {
                    break;
                }
            }
        }
        Ok(())
    }

    /// First claimant keeps: who has a name, then who came first.
    fn add(&mut self, subject: String, attributes: Map<String, Value>, proposal: Proposal) {
        let current = self.current.get(&subject).cloned();
        let (proposed, problem) = match proposal {
            Err(why) => (None, Some(refused(&why))),
            Ok(name) => {
                let holder = self.claims.entry(name.clone()).or_insert_with(|| subject.clone());
                let problem = (*holder != subject).then(|| taken(&name, holder));
                (Some(name), problem)
            }
        };
        self.people.push(PreviewedPerson {
            subject,
            attributes,
            current: current.map(String::from),
            proposed: proposed.map(String::from),
            problem,
        });
    }

    /// Names that are local on hosts are nobody's, unless they were given to the person there.
    fn hosts(&mut self, tx: &dyn ReadTx) -> Result<(), StoreError> {
        let by_subject: HashMap<String, sallyport_domain::UserId> =
            tx.people()?.into_iter().map(|person| (subject(&person), person.id)).collect();
        for person in self.people.iter_mut().filter(|person| person.problem.is_none()) {
            let Some(name) = person.proposed.as_deref().and_then(|name| name.parse::<PosixName>().ok())
            else {
                continue;
            };
            if person.proposed == person.current || tx.hosts_with_name(&name)?.is_empty() {
                continue;
            }
            let hosts =
                match by_subject.get(&person.subject).map(|user| obstacle(tx, *user, &name)).transpose()? {
                    Some(Some(Obstacle::Hosts(hosts))) => hosts,
                    Some(_) => continue,
                    None => hosts_with(tx, &name)?,
                };
            person.problem = Some(PreviewProblem {
                code: "name_foreign".to_owned(),
                detail: format!(
                    "{name} is a local account or group on hosts; assign another name, or adopt it"
                ),
                with: hosts,
            });
        }
        Ok(())
    }

    fn finish(mut self) -> NamesPreview {
        let summary = &mut self.summary;
        summary.people = self.people.len();
        for person in &self.people {
            match &person.problem {
                Some(problem) if ["name_taken", "name_foreign"].contains(&problem.code.as_str()) => {
                    summary.collisions += 1;
                }
                Some(_) => summary.refused += 1,
                None if person.current.is_none() => summary.named += 1,
                None if person.current == person.proposed => summary.unchanged += 1,
                None => summary.renamed += 1,
            }
        }
        NamesPreview { summary: self.summary, people: self.people }
    }
}

fn hosts_with(tx: &dyn ReadTx, name: &PosixName) -> Result<Vec<String>, StoreError> {
    let mut hosts = Vec::new();
    for host in tx.hosts_with_name(name)? {
        hosts.extend(tx.host(host)?.map(|host| host.name.to_string()));
    }
    Ok(hosts)
}

/// What the expression reads, and no more of a person's data.
fn shown(reads: &[String], attributes: Attributes<'_>) -> Map<String, Value> {
    let value = |name: &String| attributes.get(name).map(|value| (name.clone(), value.clone()));
    reads.iter().filter_map(value).collect()
}

fn refused(why: &Unnamed) -> PreviewProblem {
    let code = match why {
        Unnamed::Failed(_) => "expression_failed",
        _ if why.is_reserved() => "name_reserved",
        _ => "name_impossible",
    };
    PreviewProblem { code: code.to_owned(), detail: why.to_string(), with: Vec::new() }
}

fn taken(name: &PosixName, holder: &str) -> PreviewProblem {
    PreviewProblem {
        code: "name_taken".to_owned(),
        detail: format!("{name} is or would be somebody else's, who came first; assign another name"),
        with: vec![holder.to_owned()],
    }
}
