//! No space left when the commit is written: nobody of that batch is acknowledged, and the store goes on afterwards.
//!
//! The disk is full for one process: a limit on the size of its files, whose signal it ignores, makes the write to the
//! log fail as the disk would.

use std::process::{Command, Stdio};

use sallyport_store::conformance::samples::{held, queued, sign_in};
use sallyport_store::{Store, StoreError, WriteTx};
use sallyport_store_sqlite::SqliteStore;

use crate::support::{CHILD, Folder, issue, issued};

/// The limit, in blocks of 512 bytes as the shell has it: 2 MiB.
const LIMITED: &str = "trap '' XFSZ; ulimit -S -f 4096; exec \"$@\"";

#[test]
fn a_full_disk_refuses_and_harms_nothing() {
    if let Some(path) = std::env::var_os(CHILD) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        return runtime.block_on(fill_up(SqliteStore::open(path.as_ref()).unwrap()));
    }
    let folder = Folder::new();
    let output = folder
        .child("full_disk::a_full_disk_refuses_and_harms_nothing", &["sh", "-c", LIMITED, "sh"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn fill_up(opened: SqliteStore) {
    let store = opened.clone().into_store();
    store.write(|tx| sign_in(tx, 1)).await.unwrap();
    let mut kept = vec![write(&store, 100).await.unwrap()];

    // Each batch larger than the last, until one does not fit.
    let mut failed = None;
    for batch in 1..=8_u8 {
        let results = together(&store, 16, usize::from(batch) * 20_000).await;
        let (fine, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        kept.extend(fine.into_iter().flatten());
        if !lost.is_empty() {
            failed = Some(lost);
            break;
        }
    }
    for error in failed.unwrap() {
        assert!(matches!(error, Err(StoreError::Database(_))), "{error:?}");
    }
    kept.sort_unstable();
    assert_eq!(issued(&store).await, kept);

    // Space returns.
    let this = std::process::id().to_string();
    let lifted = Command::new("prlimit").args(["--pid", &this, "--fsize=unlimited"]).status().unwrap();
    assert!(lifted.success());
    kept.extend(together(&store, 16, 200_000).await.into_iter().map(Result::unwrap));
    kept.sort_unstable();
    assert_eq!(issued(&store).await, kept);
    opened.close();
    let path = std::env::var_os(CHILD).unwrap();
    let again = SqliteStore::open(path.as_ref()).unwrap().into_store();
    assert_eq!(issued(&again).await, kept);
}

async fn write(store: &Store, size: usize) -> Result<u64, StoreError> {
    store.write(move |tx| issue(tx, vec![7; size])).await
}

/// Writes that share a commit: they queue up while the writer is held.
async fn together(store: &Store, many: usize, size: usize) -> Vec<Result<u64, StoreError>> {
    let (open, holder) = held(store).await;
    let work = || move |tx: &mut dyn WriteTx| issue(tx, vec![7; size]);
    let writes = queued(store, (0..many).map(|_| work())).await;
    open.send(()).unwrap();
    let _ = holder.await.unwrap();
    writes.join_all().await
}
