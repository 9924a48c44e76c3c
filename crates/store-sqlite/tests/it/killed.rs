//! SIGKILL at any moment: what was answered with `Ok` is there.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use sallyport_store::conformance::samples::sign_in;
use sallyport_store::{Store, StoreError};
use sallyport_store_sqlite::SqliteStore;
use tokio::task::JoinSet;

use crate::support::{CHILD, Folder, issue, issued};

const ROUNDS: usize = 12;

#[test]
fn all_that_was_acknowledged_survives_sigkill() {
    if let Some(path) = std::env::var_os(CHILD) {
        return write_until_killed(&SqliteStore::open(path.as_ref()).unwrap().into_store());
    }
    let folder = Folder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut acknowledged: Vec<u64> = Vec::new();
    for round in 0..ROUNDS {
        let mut child = folder
            .child("killed::all_that_was_acknowledged_survives_sigkill", &[])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = lines.by_ref().filter_map(|line| serial(&line.unwrap()));
        acknowledged.extend(said.by_ref().take(50 + 37 * round));
        child.kill().unwrap();
        // What it said with its last breath counts as well.
        acknowledged.extend(said);
        child.wait().unwrap();
        let store = folder.open();
        let mut found = runtime.block_on(issued(&store.clone().into_store()));
        store.close();
        acknowledged.sort_unstable();
        found.retain(|serial| acknowledged.binary_search(serial).is_ok());
        assert_eq!(found, acknowledged, "round {round}");
    }
    assert!(acknowledged.len() > 50 * ROUNDS);
}

/// Lines of the test harness are among them; a line cut short by the kill has no full stop.
fn serial(line: &str) -> Option<u64> {
    line.strip_prefix("serial ")?.strip_suffix('.')?.parse().ok()
}

fn write_until_killed(store: &Store) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        store
            .write(|tx| match tx.person(sallyport_store::conformance::samples::id(1))? {
                Some(_) => Ok::<_, StoreError>(()),
                None => sign_in(tx, 1).map(drop),
            })
            .await
            .unwrap();
        let mut tasks = JoinSet::new();
        for task in 0..16_u8 {
            let store = store.clone();
            tasks.spawn(async move {
                // Bounded, should nobody kill it.
                for round in 0..20_000_u32 {
                    let refuse = round % 5 == u32::from(task % 5);
                    let result = store
                        .write(move |tx| {
                            let serial = issue(tx, vec![task; 700])?;
                            if refuse { Err(StoreError::Missing("wish to stay")) } else { Ok(serial) }
                        })
                        .await;
                    if let Ok(serial) = result {
                        println!("serial {serial}.");
                    }
                }
            });
        }
        tasks.join_all().await;
    });
}
