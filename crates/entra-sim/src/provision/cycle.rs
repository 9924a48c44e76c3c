//! Runs a cycle: reads the directory and the job's memory from the simulator, sends what the plan says,
//! and gives the memory back.

use std::time::Instant;

use reqwest::Client;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::client::{Answer, ScimClient};
use super::credential::Credential;
use super::dialect::{Dialect, Request};
use super::job::{Attributes, Job, Linked};
use super::mapping::{Kind, Mapping};
use super::path;
use super::plan::{self, Cycle, Membership, Step};
use super::report::{Counts, Exchange, Failure, Members, Report};
use crate::control_client::{ControlClient, ControlError};
use crate::errors::random_uuid;
use crate::tenant::Tenant;
use crate::trust::chain;

/// One job of the provisioning service: from a running simulator to a SCIM server.
pub struct Provisioner {
    control: ControlClient,
    scim: ScimClient,
    scim_url: Url,
    dialect: Dialect,
    mapping: Mapping,
}

/// A cycle did not run, or stopped. (Requests that failed alone are in the report.)
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("test connection failed: {0}")]
    TestConnection(Failure),
    #[error("the server refuses the token, which quarantines the job: {0}")]
    Quarantined(Failure),
}

impl Provisioner {
    /// `dialect`: where absent, legacy, or what a flag in `scim_url` asks for.
    #[must_use]
    pub fn new(
        client: Client,
        from: Url,
        scim_url: Url,
        credential: impl Into<Credential>,
        dialect: Option<Dialect>,
        mapping: Mapping,
    ) -> Self {
        let dialect = dialect.or(ScimClient::flagged_dialect(&scim_url)).unwrap_or_default();
        let scim = ScimClient::new(client.clone(), scim_url.clone(), credential.into());
        Self { control: ControlClient::new(client, from), scim, scim_url, dialect, mapping }
    }

    /// Runs one cycle; without a choice an initial one where none ended before, else an incremental one.
    /// `progress` sees every request with its answer.
    ///
    /// # Errors
    /// When the simulator does not answer, or the SCIM server refuses the token or the first question.
    pub async fn run(
        &self,
        cycle: Option<Cycle>,
        progress: &mut (dyn FnMut(&Exchange) + Send),
    ) -> Result<Report, ProvisionError> {
        let tenant = self.control.directory().await?;
        let job = self.control.job(self.scim_url.as_str()).await?;
        let default = if job.revision == 0 { Cycle::Initial } else { Cycle::Incremental };
        let cycle = cycle.unwrap_or(default);
        let report = Report {
            cycle,
            dialect: self.dialect,
            scim_url: self.scim_url.to_string(),
            requests: 0,
            users: Counts::default(),
            groups: Counts::default(),
            members: Members::default(),
            failures: Vec::new(),
        };
        let mut run = Run { service: self, tenant: &tenant, job, report, progress };
        let outcome = run.all(cycle).await;
        // What was sent is remembered even where the cycle stopped half-way.
        let Run { job, report, .. } = run;
        self.control.save_job(self.scim_url.as_str(), &job).await?;
        outcome.map(|()| report)
    }
}

impl std::fmt::Debug for Provisioner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provisioner").field("scim_url", &self.scim_url.as_str()).finish_non_exhaustive()
    }
}

/// One cycle under way.
struct Run<'a> {
    service: &'a Provisioner,
    tenant: &'a Tenant,
    job: Job,
    report: Report,
    progress: &'a mut (dyn FnMut(&Exchange) + Send),
}

/// Why the rest of a step is not done.
enum Stop {
    /// This object failed; the next is tried.
    Object,
    Cycle(ProvisionError),
}

type Done = Result<(), Stop>;

impl Run<'_> {
    async fn all(&mut self, cycle: Cycle) -> Result<(), ProvisionError> {
        if cycle == Cycle::Initial {
            self.test_connection().await?;
        }
        for step in plan::users(self.tenant, &self.job, cycle, self.service.mapping) {
            go_on(self.step(Kind::User, step).await)?;
        }
        for step in plan::groups(self.tenant, &self.job, cycle, self.service.mapping) {
            go_on(self.step(Kind::Group, step).await)?;
        }
        for change in plan::members(self.tenant, &self.job, cycle) {
            go_on(self.membership(change).await)?;
        }
        Ok(())
    }

    /// Asks for somebody who cannot exist: the answer must be an empty list.
    async fn test_connection(&mut self) -> Result<(), ProvisionError> {
        let request = Request::find(Kind::User, "userName", &random_uuid().to_string());
        let answer = self.send(&request, "test connection").await;
        let failed = |status, detail: &str| Failure {
            object: "test connection".to_owned(),
            method: request.method.to_owned(),
            path: format!("{}?{}", request.path, request.query),
            status,
            detail: detail.to_owned(),
        };
        match answer {
            Ok(answer) if answer.status == 200 && resources(&answer).is_some() => Ok(()),
            Ok(answer) if answer.status == 200 => {
                Err(ProvisionError::TestConnection(failed(Some(200), "the answer is no SCIM ListResponse")))
            }
            Ok(answer) => Err(ProvisionError::TestConnection(failed(Some(answer.status), &answer.detail()))),
            Err(text) => Err(ProvisionError::TestConnection(failed(None, &text))),
        }
    }

    async fn step(&mut self, kind: Kind, step: Step) -> Done {
        match step {
            Step::Match { oid, wanted } => self.find(kind, oid, wanted).await,
            Step::Update { oid, linked, wanted } => self.refresh(kind, oid, linked, wanted).await,
            Step::Delete { oid, id } => self.delete(kind, oid, &id).await,
        }
    }

    async fn find(&mut self, kind: Kind, oid: Uuid, wanted: Attributes) -> Done {
        let (attribute, value) = self.service.mapping.matching(kind, &wanted);
        let answer = self.expect(&Request::find(kind, attribute, &value), &name(&wanted), &[200]).await?;
        let found = resources(&answer).and_then(|found| found.first()).cloned();
        let found = found.and_then(|resource| Some((resource.get("id")?.as_str()?.to_owned(), resource)));
        // An object that belongs to another entry of the directory is no match.
        let links = self.links(kind);
        let taken = |id: &str| links.iter().any(|(other, linked)| *other != oid && linked.id == id);
        match found.filter(|(id, _)| !taken(id)) {
            Some((id, resource)) => {
                let read = |path: &String| Some((path.clone(), path::get(&resource, path)?.clone()));
                let sent: Attributes = wanted.keys().filter_map(read).collect();
                let members =
                    self.links(kind).get(&oid).map(|linked| linked.members.clone()).unwrap_or_default();
                self.patch(kind, oid, Linked { id, sent, members }, wanted).await
            }
            None => self.create(kind, oid, wanted).await,
        }
    }

    async fn create(&mut self, kind: Kind, oid: Uuid, wanted: Attributes) -> Done {
        self.links(kind).remove(&oid);
        if wanted.get("active").is_some_and(|active| active == false) {
            return Ok(());
        }
        let request = Request::create(kind, &wanted);
        let answer = self.expect(&request, &name(&wanted), &[201]).await?;
        let Some(id) = answer.body.get("id").and_then(Value::as_str) else {
            return Err(self.fail(&request, &name(&wanted), Some(201), "the created resource has no id"));
        };
        let linked = Linked { id: id.to_owned(), sent: wanted, members: std::collections::BTreeSet::new() };
        self.links(kind).insert(oid, linked);
        self.counts(kind).created += 1;
        Ok(())
    }

    /// Read before update; what the server has lost is looked for again.
    async fn refresh(&mut self, kind: Kind, oid: Uuid, linked: Linked, wanted: Attributes) -> Done {
        let answer = self.expect(&Request::read(kind, &linked.id), &name(&wanted), &[200, 404]).await?;
        if answer.status == 404 {
            self.links(kind).remove(&oid);
            return self.find(kind, oid, wanted).await;
        }
        self.patch(kind, oid, linked, wanted).await
    }

    async fn patch(&mut self, kind: Kind, oid: Uuid, linked: Linked, wanted: Attributes) -> Done {
        let patch = self.service.dialect.update(kind, &linked.id, &linked.sent, &wanted);
        let (before, after) = (linked.sent.get("active").cloned(), wanted.get("active").cloned());
        let object = name(&wanted);
        self.links(kind).insert(oid, linked);
        let Some(request) = patch else {
            self.counts(kind).unchanged += 1;
            return Ok(());
        };
        self.expect(&request, &object, &[200, 204]).await?;
        if let Some(linked) = self.links(kind).get_mut(&oid) {
            linked.sent.extend(wanted);
        }
        let counts = self.counts(kind);
        match after.and_then(|active| active.as_bool()) {
            Some(false) if before != Some(Value::Bool(false)) => counts.disabled += 1,
            Some(true) if before == Some(Value::Bool(false)) => counts.enabled += 1,
            _ => counts.updated += 1,
        }
        Ok(())
    }

    async fn delete(&mut self, kind: Kind, oid: Uuid, id: &str) -> Done {
        let object = self.links(kind).get(&oid).map(|linked| name(&linked.sent)).unwrap_or_default();
        self.expect(&Request::delete(kind, id), &object, &[204, 404]).await?;
        self.links(kind).remove(&oid);
        self.counts(kind).deleted += 1;
        Ok(())
    }

    async fn membership(&mut self, change: Membership) -> Done {
        let ids = |oids: &std::collections::BTreeSet<Uuid>| -> Vec<String> {
            oids.iter().filter_map(|oid| self.job.users.get(oid)).map(|linked| linked.id.clone()).collect()
        };
        let (add, remove) = (ids(&change.add), ids(&change.remove));
        let Some(group) = self.job.groups.get(&change.group) else { return Ok(()) };
        let object = name(&group.sent);
        for request in self.service.dialect.members(&group.id.clone(), &add, &remove) {
            self.expect(&request, &object, &[200, 204]).await?;
        }
        if let Some(group) = self.job.groups.get_mut(&change.group) {
            group.members = group.members.union(&change.add).copied().collect();
            group.members = group.members.difference(&change.remove).copied().collect();
        }
        self.report.members.added += count(&add);
        self.report.members.removed += count(&remove);
        Ok(())
    }

    /// Sends, and takes any other status for a failure of this object (or, refused, of the whole job).
    async fn expect(&mut self, request: &Request, object: &str, good: &[u16]) -> Result<Answer, Stop> {
        match self.send(request, object).await {
            Ok(answer) if good.contains(&answer.status) => Ok(answer),
            Ok(answer) => {
                let stop = self.fail(request, object, Some(answer.status), &answer.detail());
                let refused = matches!(answer.status, 401 | 403);
                match self.report.failures.last().cloned().filter(|_| refused) {
                    Some(failure) => Err(Stop::Cycle(ProvisionError::Quarantined(failure))),
                    None => Err(stop),
                }
            }
            Err(text) => Err(self.fail(request, object, None, &text)),
        }
    }

    async fn send(&mut self, request: &Request, object: &str) -> Result<Answer, String> {
        self.report.requests += 1;
        let sent = Instant::now();
        let answer = self.service.scim.send(request).await;
        let took = sent.elapsed();
        (self.progress)(&Exchange {
            method: request.method.to_owned(),
            path: with_query(request),
            status: answer.as_ref().ok().map(|answer| answer.status),
            object: object.to_owned(),
            took,
        });
        answer.map_err(|error| chain(&error))
    }

    fn fail(&mut self, request: &Request, object: &str, status: Option<u16>, detail: &str) -> Stop {
        self.report.failures.push(Failure {
            object: object.to_owned(),
            method: request.method.to_owned(),
            path: with_query(request),
            status,
            detail: detail.to_owned(),
        });
        Stop::Object
    }

    fn links(&mut self, kind: Kind) -> &mut std::collections::BTreeMap<Uuid, Linked> {
        match kind {
            Kind::User => &mut self.job.users,
            Kind::Group => &mut self.job.groups,
        }
    }

    fn counts(&mut self, kind: Kind) -> &mut Counts {
        match kind {
            Kind::User => &mut self.report.users,
            Kind::Group => &mut self.report.groups,
        }
    }
}

fn go_on(done: Done) -> Result<(), ProvisionError> {
    match done {
        Ok(()) | Err(Stop::Object) => Ok(()),
        Err(Stop::Cycle(error)) => Err(error),
    }
}

/// `Resources` of a list response, which may leave it out when nothing was found.
fn resources(answer: &Answer) -> Option<&[Value]> {
    match answer.body.get("Resources") {
        Some(resources) => resources.as_array().map(Vec::as_slice),
        None => answer.body.get("totalResults").filter(|total| **total == 0).map(|_| [].as_slice()),
    }
}

fn name(attributes: &Attributes) -> String {
    let name = attributes.get("userName").or(attributes.get("displayName"));
    name.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn with_query(request: &Request) -> String {
    if request.query.is_empty() {
        request.path.clone()
    } else {
        format!("{}?{}", request.path, request.query)
    }
}

fn count(ids: &[String]) -> u64 {
    u64::try_from(ids.len()).unwrap_or(u64::MAX)
}
