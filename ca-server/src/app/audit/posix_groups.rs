//! The gids of managed POSIX groups: what the chain tells of them, against the table.

use std::collections::BTreeMap;

use sallyport_audit::{Event, EventName};
use sallyport_store::{ReadTx, StoreError};
use serde_json::Value;

/// Names and gids by the events so far.
#[derive(Debug, Default)]
pub(super) struct Pinned(BTreeMap<String, u64>);

impl Pinned {
    pub(super) fn hear(&mut self, event: &Event) {
        if event.name != EventName::PosixGroupPinned {
            return;
        }
        let name = event.detail.get("name").and_then(Value::as_str);
        let gid = event.detail.get("gid").and_then(Value::as_u64);
        self.0.extend(name.map(str::to_owned).zip(gid));
    }

    pub(super) fn compare(mut self, tx: &dyn ReadTx, problems: &mut Vec<String>) -> Result<(), StoreError> {
        for row in tx.posix_groups()? {
            match self.0.remove(row.name.as_str()) {
                None => problems
                    .push(format!("POSIX group {} stands in the table and not in the chain", row.name)),
                Some(gid) if gid != u64::from(row.gid.value()) => problems
                    .push(format!("POSIX group {} has another gid in the table than in the chain", row.name)),
                Some(_) => {}
            }
        }
        let missing = |name| format!("POSIX group {name} stands in the chain and not in the table");
        problems.extend(self.0.keys().map(missing));
        Ok(())
    }
}
