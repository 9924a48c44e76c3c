//! The chain: folded, compared with the tables, exported.

use std::collections::BTreeSet;

use sallyport_audit::{EventName, Head, Record, verify};
use sallyport_domain::Serial;
use sallyport_protocol::Namespace;
use sallyport_protocol::admin::{AuditHead, AuditVerdict};
use sallyport_store::{ReadTx, StoreError};

use super::{App, AppError};

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

fn examine(tx: &dyn ReadTx) -> Result<(Head, Vec<String>), StoreError> {
    let mut head = Head::GENESIS;
    let mut intended = BTreeSet::new();
    let mut problems = Vec::new();
    loop {
        let records = tx.audit_after(head.seq, STEP)?;
        let Some(last) = records.last().map(Record::head) else { break };
        collect_intents(&records, &mut intended, &mut problems);
        match verify(head, records) {
            Ok(next) => head = next,
            Err(broken) => {
                problems.push(broken.to_string());
                head = last;
            }
        }
    }
    compare_certificates(tx, &mut intended, &mut problems)?;
    Ok((head, problems))
}

fn collect_intents(records: &[Record], intended: &mut BTreeSet<Serial>, problems: &mut Vec<String>) {
    for record in records {
        match record.event() {
            Ok(event) if event.name == EventName::CertificateIntended => intended.extend(event.serial),
            Ok(_) => {}
            Err(error) => problems.push(format!("record {}: {error}", record.seq)),
        }
    }
}

/// Each certificate has its intent in the chain, and each intent its certificate.
fn compare_certificates(
    tx: &dyn ReadTx,
    intended: &mut BTreeSet<Serial>,
    problems: &mut Vec<String>,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let rows = tx.certificates_after(after, STEP)?;
        let Some(last) = rows.last() else { break };
        after = Some(last.serial);
        for row in &rows {
            if !intended.remove(&row.serial) {
                problems.push(format!("certificate {} stands in the table and not in the chain", row.serial));
            }
        }
    }
    problems.extend(
        intended
            .iter()
            .map(|serial| format!("certificate {serial} stands in the chain and not in the table")),
    );
    Ok(())
}
