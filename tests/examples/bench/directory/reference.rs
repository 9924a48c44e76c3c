//! What the database can do at all: a bare table on the same disk, as durable as the CA's.

use std::time::{Duration, Instant};

use anyhow::Result;
use rusqlite::Connection;
use sallyport_tests::process::bin_dir;

/// As long as a user's document with its looked-up columns.
const DOCUMENT: usize = 700;
const ALONE: u32 = 5_000;
const TOGETHER: u32 = 200_000;

/// Time for one row.
#[derive(Clone, Copy)]
pub(crate) struct Reference {
    /// With a durable commit of its own: one client that waits for each answer gets no more.
    pub(crate) alone: Duration,
    /// All rows in one transaction.
    pub(crate) together: Duration,
}

pub(crate) fn measure() -> Result<Reference> {
    let folder = tempfile::tempdir_in(bin_dir()?)?;
    let database = Connection::open(folder.path().join("reference.db"))?;
    database.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE documents (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document TEXT NOT NULL);",
    )?;
    let document = "x".repeat(DOCUMENT);
    let insert = |number: u32| {
        let mut insert = database.prepare_cached("INSERT INTO documents (id, document) VALUES (?1, ?2)")?;
        insert.execute((format!("{number:026}"), &document))
    };
    let began = Instant::now();
    for number in 0..ALONE {
        insert(number)?;
    }
    let alone = began.elapsed() / ALONE;
    let began = Instant::now();
    database.execute_batch("BEGIN")?;
    for number in ALONE..ALONE + TOGETHER {
        insert(number)?;
    }
    database.execute_batch("COMMIT")?;
    Ok(Reference { alone, together: began.elapsed() / TOGETHER })
}
