use jiff::Timestamp;
use sallyport_domain::{GroupId, RequestId, TenantId, UserId};
use sallyport_store::{
    Concerning, GroupRow, PersonRow, ProvisioningRow, ResourceLabel, ResourceRow, StoreError, WriteTx,
};
use serde_json::{Map, Value};

use super::values::{changes, shown};
use super::{Attempt, Concerned, Verb};
use crate::app::credentials::{Count, Reason};

/// Members that are named; all of them are counted, and each finds the event.
const NAMED: usize = 20;
/// Events of a group among which its deletion is looked for.
const LATEST: usize = 100;
/// Characters of a refusal.
const LONGEST_DETAIL: usize = 300;

/// One event, in the making.
#[derive(Debug)]
pub struct Entry {
    tenant: TenantId,
    group: Option<GroupId>,
    people: Vec<UserId>,
    body: Map<String, Value>,
}

impl Entry {
    pub fn of_user(verb: Verb, row: &ResourceRow) -> Self {
        Self::new(row.tenant, verb, "User")
            .with("resource_id", row.id.to_string())
            .with("name", shown(&row.user_name))
            .with_some("external_id", row.external_id.as_deref().map(shown))
            .concerning(row.user)
    }

    pub fn of_group(verb: Verb, row: &GroupRow) -> Self {
        let entry = Self::new(row.tenant, verb, "Group")
            .with("resource_id", row.id.to_string())
            .with("name", shown(&row.display_name))
            .with_some("external_id", row.external_id.as_deref().map(shown));
        Self { group: Some(row.id), ..entry }
    }

    pub(super) fn refused(
        attempt: &Attempt,
        concerned: &Concerned,
        status: u16,
        scim_type: Option<&'static str>,
        detail: &str,
    ) -> Self {
        let name = attempt.name.as_deref().or(concerned.name.as_deref()).map(shown);
        let mut entry = Self::new(attempt.tenant, attempt.verb, attempt.kind.name())
            .with_some("resource_id", attempt.id.as_deref().map(shown))
            .with_some("name", name)
            .with("status", status)
            .with("outcome", "failure")
            .with_some("scim_type", scim_type)
            .with("detail", detail.chars().take(LONGEST_DETAIL).collect::<String>());
        entry.group = concerned.group;
        entry.people.extend(concerned.person);
        entry
    }

    /// Requests whose credential was no good: nothing is known of what they wanted.
    pub fn turned_away(tenant: TenantId, reason: Reason, count: &Count) -> Self {
        let entry = Self { tenant, group: None, people: Vec::new(), body: Map::new() };
        entry
            .with("operation", "connect")
            .with("resource", "Connection")
            .with("status", reason.status)
            .with("outcome", "failure")
            .with("detail", format!("{} ({}); {}", reason.what, count.text(), reason.remedy))
            .count(count.times)
    }

    /// How many operations this stands for.
    pub(super) fn count(self, count: u64) -> Self {
        self.with_some("count", Some(count).filter(|count| *count > 1))
    }

    fn new(tenant: TenantId, verb: Verb, resource: &str) -> Self {
        let entry = Self { tenant, group: None, people: Vec::new(), body: Map::new() };
        entry
            .with("operation", verb.as_str())
            .with("resource", resource)
            .with("status", verb.status())
            .with("outcome", "success")
    }

    /// What differs between the documents.
    pub fn changed(self, before: &Map<String, Value>, after: &Map<String, Value>) -> Self {
        let changes = changes(before, after);
        self.with("changes", changes)
    }

    /// What became of the person.
    pub fn person(self, before: Option<&PersonRow>, after: Option<&PersonRow>) -> Self {
        let Some(after) = after else { return self };
        let mut person = Map::new();
        person.insert("id".to_owned(), after.id.to_string().into());
        person.insert("state".to_owned(), after.state.as_str().into());
        if let Some(before) = before.filter(|before| before.state != after.state) {
            person.insert("was".to_owned(), before.state.as_str().into());
        }
        if let Some(reason) = after.reason {
            person.insert("reason".to_owned(), reason.as_str().into());
        }
        self.with("person", person)
    }

    /// Who came and who went, and which ids were nobody's.
    pub fn members(mut self, added: &[ResourceLabel], removed: &[ResourceLabel], unknown: &[String]) -> Self {
        self.people.extend(added.iter().chain(removed).map(|label| label.user));
        let names = |labels: &[ResourceLabel]| -> Vec<String> {
            labels.iter().take(NAMED).map(|label| shown(&label.user_name)).collect()
        };
        let mut members = Map::new();
        let mut put = |key: &str, all: usize, named: Vec<String>| {
            if all > 0 {
                members.insert(format!("{key}_count"), all.into());
                members.insert(key.to_owned(), named.into());
            }
        };
        put("added", added.len(), names(added));
        put("removed", removed.len(), names(removed));
        put("unknown", unknown.len(), unknown.iter().take(NAMED).map(|id| shown(id)).collect());
        if members.is_empty() { self } else { self.with("members", members) }
    }

    /// As [`Self::members`], of a group that is gone: whom it ended something for is said some at a time, by
    /// [`note_departed`].
    pub fn departed(self, members: usize) -> Self {
        let removed = Map::from_iter([("removed_count".to_owned(), Value::from(members))]);
        self.with_some("members", (members > 0).then_some(removed))
    }

    pub fn write(self, tx: &mut dyn WriteTx, at: Timestamp, request: RequestId) -> Result<(), StoreError> {
        let row =
            ProvisioningRow { seq: 0, at, tenant: self.tenant, request, group: self.group, body: self.body };
        tx.note_provisioning(&row, &self.people).map(drop)
    }

    fn concerning(mut self, user: UserId) -> Self {
        self.people.push(user);
        self
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.body.insert(key.to_owned(), value.into());
        self
    }

    fn with_some(self, key: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }
}

/// Has the deletion of a group be found under those who left with it.
pub fn note_departed(tx: &mut dyn WriteTx, group: GroupId, people: &[UserId]) -> Result<(), StoreError> {
    if people.is_empty() {
        return Ok(());
    }
    // What a directory still tries on the group stands behind it.
    let latest = tx.provisioning_before(u64::MAX, Concerning::Group(group), LATEST)?;
    let is = |row: &&ProvisioningRow| {
        let text = |key: &str| row.body.get(key).and_then(Value::as_str);
        (text("operation"), text("outcome")) == (Some(Verb::Delete.as_str()), Some("success"))
    };
    match latest.iter().find(is) {
        Some(deletion) => tx.note_concerned(deletion.seq, people),
        None => Ok(()),
    }
}
