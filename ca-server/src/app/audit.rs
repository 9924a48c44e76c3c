//! The chain: folded, compared with the tables, exported.

mod adoptions;
mod directory;
mod links;
mod names;
mod posix_groups;

use std::collections::BTreeMap;

use sallyport_audit::{Event, EventName, Head, Record, verify};
use sallyport_domain::Serial;
use sallyport_protocol::Namespace;
use sallyport_protocol::admin::{AuditHead, AuditVerdict};
use sallyport_store::{ReadTx, StoreError};
use serde_json::Value;

use self::adoptions::Adoptions;
use self::directory::Directory;
use self::names::Names;
use super::revocation::base64;
use super::{App, AppError};

/// What the chain tells of a grant.
const GRANT: [&str; 5] = ["group", "tags", "sudo", "posix_groups", "local_groups"];

/// Records read at a time.
const STEP: usize = 1000;

impl App {
    /// Up to `limit` export lines after `seq`.
    pub async fn audit_lines(&self, after: u64, limit: usize) -> Result<Vec<String>, AppError> {
        self.store()
            .read(move |tx| {
                Ok(tx.audit_after(after, limit.min(STEP))?.iter().map(Record::export_line).collect())
            })
            .await
    }

    /// Folds the whole chain and compares what it says with what the tables say.
    pub async fn verify_audit(&self) -> Result<AuditVerdict, AppError> {
        let (head, problems) = self.store().read(|tx| Ok::<_, AppError>(examine(tx)?)).await?;
        let hash = head.hash.to_string();
        let signed = AuditHead { seq: head.seq, hash: hash.clone(), at: self.now() };
        let signed_head = self
            .keys()
            .seal(&signed, Namespace::Audit)
            .map_err(|error| AppError::internal("signing", error))?;
        Ok(AuditVerdict { events: head.seq, head: hash, problems, signed_head })
    }
}

/// What the chain says there is, as far as it was folded.
#[derive(Debug, Default)]
struct Told {
    /// To-be-signed content by serial, as base64.
    certificates: BTreeMap<Serial, Option<String>>,
    /// Of each grant: group, tags, sudo, and the POSIX groups that it gives.
    grants: BTreeMap<String, [String; 5]>,
    posix_groups: posix_groups::Pinned,
    adoptions: Adoptions,
    directory: Directory,
    names: Names,
}

fn examine(tx: &dyn ReadTx) -> Result<(Head, Vec<String>), StoreError> {
    let mut head = Head::GENESIS;
    let mut told = Told::default();
    let mut problems = Vec::new();
    loop {
        let records = tx.audit_after(head.seq, STEP)?;
        let Some(last) = records.last().map(Record::head) else { break };
        for record in &records {
            match record.event() {
                Ok(event) => told.hear(&event),
                Err(error) => problems.push(format!("record {}: {error}", record.seq)),
            }
        }
        match verify(head, records) {
            Ok(next) => head = next,
            Err(broken) => {
                problems.push(broken.to_string());
                head = last;
            }
        }
    }
    compare_certificates(tx, told.certificates, &mut problems)?;
    compare_grants(tx, told.grants, &mut problems)?;
    told.posix_groups.compare(tx, &mut problems)?;
    told.adoptions.compare(tx, &mut problems)?;
    told.directory.compare(tx, &mut problems)?;
    told.names.compare(tx, &mut problems)?;
    Ok((head, problems))
}

impl Told {
    fn hear(&mut self, event: &Event) {
        self.adoptions.hear(event);
        self.directory.hear(event);
        self.posix_groups.hear(event);
        self.names.hear(event);
        let text = |name: &str| event.detail.get(name).map(plain).unwrap_or_default();
        match event.name {
            EventName::CertificateIntended => {
                let tbs = event.detail.get("tbs").and_then(Value::as_str).map(str::to_owned);
                self.certificates.extend(event.serial.map(|serial| (serial, tbs)));
            }
            EventName::GrantAdded => {
                self.grants.insert(text("grant"), GRANT.map(text));
            }
            EventName::GrantRemoved => {
                self.grants.remove(&text("grant"));
            }
            _ => {}
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Each certificate is in the chain with its whole content, and each intent in the table.
fn compare_certificates(
    tx: &dyn ReadTx,
    mut told: BTreeMap<Serial, Option<String>>,
    problems: &mut Vec<String>,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let rows = tx.certificates_after(after, STEP)?;
        let Some(last) = rows.last() else { break };
        after = Some(last.serial);
        for row in &rows {
            let serial = row.serial;
            match told.remove(&serial) {
                None => {
                    problems.push(format!("certificate {serial} stands in the table and not in the chain"));
                }
                Some(tbs) if tbs.as_deref() != Some(base64(&row.tbs).as_str()) => {
                    problems.push(format!(
                        "certificate {serial} has another content in the table than in the chain"
                    ));
                }
                Some(_) => {}
            }
        }
    }
    problems.extend(
        told.keys().map(|serial| format!("certificate {serial} stands in the chain and not in the table")),
    );
    Ok(())
}

fn compare_grants(
    tx: &dyn ReadTx,
    mut told: BTreeMap<String, [String; 5]>,
    problems: &mut Vec<String>,
) -> Result<(), StoreError> {
    for grant in tx.grants()? {
        let [managed, local] =
            [&grant.posix_groups.managed, &grant.posix_groups.local].map(crate::app::posix_groups::list);
        let row = [grant.group.to_string(), grant.tags.to_string(), grant.sudo.to_string(), managed, local];
        match told.remove(&grant.id.to_string()) {
            None => problems.push(format!("grant {} stands in the table and not in the chain", grant.id)),
            Some(said) if said != row => {
                problems.push(format!("grant {} is another in the table than in the chain", grant.id));
            }
            Some(_) => {}
        }
    }
    problems.extend(told.keys().map(|id| format!("grant {id} stands in the chain and not in the table")));
    Ok(())
}
