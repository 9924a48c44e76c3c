//! Folds the write-ahead log into the file, beside the writer: no commit waits for it.
//!
//! SQLite lets one connection copy pages from the log while another appends to it. The log begins anew only when
//! nothing in it is left to copy, which under a constant load never happens by itself: once the log is long, the
//! writer is asked to copy the little that came meanwhile.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

/// Pages in the log that are worth copying: 16 MiB. Pages that change with every certificate are copied once for many.
const WORTH_IT: i64 = 4_000;

/// Pages from which the log is to begin anew: 64 MiB.
const LONG: i64 = 16_000;

/// Closures after which the writer rings: each changes about eight pages.
const CLOSURES: usize = 128;

/// The writer's end. Dropped, it ends the folding thread and waits until that has closed its connection.
pub(crate) struct Bell {
    /// `None` while it is being dropped.
    rope: Option<SyncSender<()>>,
    closures: usize,
    long: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Folder {
    connection: Connection,
    long: Arc<AtomicBool>,
}

/// What the log holds, in pages.
struct Log {
    pages: i64,
    copied: i64,
}

impl Bell {
    /// Starts the folding thread.
    pub(crate) fn hang(connection: Connection) -> io::Result<Self> {
        let (rope, bell) = sync_channel(1);
        let long = Arc::new(AtomicBool::new(false));
        let folder = Folder { connection, long: Arc::clone(&long) };
        let thread =
            thread::Builder::new().name("store-folder".to_owned()).spawn(move || folder.run(&bell))?;
        Ok(Self { rope: Some(rope), closures: 0, long, thread: Some(thread) })
    }

    /// Called between two transactions, with the number of closures that the last one held.
    pub(crate) fn after(&mut self, closures: usize, connection: &Connection) {
        self.closures += closures;
        if self.closures >= CLOSURES {
            self.closures = 0;
            // Full: it rang already.
            let _ = self.rope.as_ref().map(|rope| rope.try_send(()));
        }
        if self.long.swap(false, Ordering::Relaxed) {
            report(copy(connection).map(drop));
        }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.rope = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that folds the database's log panicked");
        }
    }
}

impl Folder {
    /// Until the writer is gone.
    fn run(self, bell: &Receiver<()>) {
        while bell.recv().is_ok() {
            report(self.fold());
        }
    }

    fn fold(&self) -> rusqlite::Result<()> {
        let Log { pages, copied } = look(&self.connection, "PRAGMA wal_checkpoint(NOOP)")?;
        if pages - copied >= WORTH_IT {
            copy(&self.connection)?;
            self.long.store(pages >= LONG, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Copies what no reader holds back, waits for nobody, and syncs before and after.
fn copy(connection: &Connection) -> rusqlite::Result<Log> {
    look(connection, "PRAGMA wal_checkpoint(PASSIVE)")
}

fn look(connection: &Connection, sql: &str) -> rusqlite::Result<Log> {
    connection.prepare_cached(sql)?.query_row([], |row| Ok(Log { pages: row.get(1)?, copied: row.get(2)? }))
}

/// Nothing is lost by it: the log holds what the file does not, and the next try may do better.
fn report(outcome: rusqlite::Result<()>) {
    if let Err(error) = outcome {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "the write-ahead log could not be folded into the database");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{files, open};

    /// Under a constant load something is always left to copy. Here a reader sees to that: what came after its first
    /// look is held back while the log is folded.
    #[test]
    fn the_log_of_a_busy_writer_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("busy.db");
        files::make(&path).unwrap();
        let writer = open::writer(&path).unwrap();
        let reader = open::reader(&path).unwrap();
        writer.execute_batch("CREATE TABLE filler (n INTEGER PRIMARY KEY, bytes BLOB)").unwrap();
        let long = Arc::new(AtomicBool::new(false));
        let folder = Folder { connection: open::folder(&path).unwrap(), long: Arc::clone(&long) };
        let mut bell = Bell { rope: None, closures: 0, long, thread: None };
        let mut longest = 0;
        for _ in 0..60 {
            reader.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema").unwrap();
            // A thousand pages a round, 60,000 in all.
            writer
                .execute_batch(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
                     INSERT INTO filler (bytes) SELECT zeroblob(4000) FROM n",
                )
                .unwrap();
            folder.fold().unwrap();
            reader.execute_batch("COMMIT").unwrap();
            bell.after(1000, &writer);
            longest = longest.max(look(&writer, "PRAGMA wal_checkpoint(NOOP)").unwrap().pages);
        }
        assert!((LONG..LONG + 2 * WORTH_IT).contains(&longest), "{longest} pages");
    }
}
