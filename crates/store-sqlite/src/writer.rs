use std::error::Error;
use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use sallyport_audit::Head;
use sallyport_store::WriteJob;

use crate::failure::{BatchLost, database};
use crate::fold::Bell;
use crate::tx::Tx;

/// As many closures share a commit at most.
const MOST: usize = 512;

/// So long may the first closure of a batch wait for the later ones to run, before the commit begins.
const LONGEST: Duration = Duration::from_millis(20);

/// The only one who writes.
pub(crate) struct Writer {
    // In this order: the last connection to be closed folds the log into the file, before another process may open it.
    bell: Bell,
    connection: Connection,
    _lock: File,
}

impl Writer {
    pub(crate) fn new(connection: Connection, bell: Bell, lock: File) -> Self {
        Self { bell, connection, _lock: lock }
    }

    /// Writes until the queue is closed and empty.
    pub(crate) fn run(mut self, queue: &Receiver<Box<dyn WriteJob>>) {
        while let Ok(first) = queue.recv() {
            self.batch(first, queue);
        }
    }

    /// Runs `first` and what waits behind it, commits once, then answers them all.
    fn batch(&mut self, first: Box<dyn WriteJob>, queue: &Receiver<Box<dyn WriteJob>>) {
        let mut ran = Vec::new();
        let outcome = self.together(first, queue, &mut ran).map_err(|error| self.give_up(error));
        let closures = ran.len();
        for job in ran {
            job.finish(outcome.clone().map_err(database));
        }
        self.bell.after(closures, &self.connection);
    }

    /// Whatever comes of it, `ran` holds everyone who wants an answer.
    fn together(
        &self,
        first: Box<dyn WriteJob>,
        queue: &Receiver<Box<dyn WriteJob>>,
        ran: &mut Vec<Box<dyn WriteJob>>,
    ) -> rusqlite::Result<()> {
        let began = Instant::now();
        let mut head = None;
        ran.push(first);
        self.perform("BEGIN IMMEDIATE")?;
        while let Some(job) = ran.last_mut() {
            self.one(job.as_mut(), &mut head)?;
            if ran.len() >= MOST || began.elapsed() >= LONGEST {
                break;
            }
            match queue.try_recv() {
                Ok(next) => ran.push(next),
                Err(_) => break,
            }
        }
        self.perform("COMMIT")
    }

    /// One closure in its savepoint. An error is that of the whole batch: its transaction is in doubt.
    fn one(&self, job: &mut dyn WriteJob, head: &mut Option<Head>) -> rusqlite::Result<()> {
        self.perform("SAVEPOINT closure")?;
        let mut tx = Tx::new(&self.connection, *head);
        if job.run(&mut tx) {
            *head = tx.head.get();
        } else {
            self.perform("ROLLBACK TO closure")?;
        }
        self.perform("RELEASE closure")
    }

    /// Nothing of the batch stays, and the next one starts from what the file says.
    fn give_up(&self, error: rusqlite::Error) -> BatchLost {
        report(&error, "writes to the database were rolled back");
        if !self.connection.is_autocommit()
            && let Err(error) = self.perform("ROLLBACK")
        {
            report(&error, "the roll-back failed as well");
        }
        BatchLost(Arc::new(error))
    }

    fn perform(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }
}

fn report(error: &(dyn Error + 'static), what: &'static str) {
    tracing::error!(error, "{what}");
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{SyncSender, sync_channel};

    use sallyport_audit::{Event, EventName};
    use sallyport_store::conformance::samples::{now, person, sign_in};
    use sallyport_store::{AuditLog, Directory, StoreError, WriteTx};

    use super::*;
    use crate::{files, open};

    type Work = fn(&mut dyn WriteTx) -> Result<(), StoreError>;

    struct Job {
        work: Work,
        refused: bool,
        answers: SyncSender<Result<(), StoreError>>,
    }

    impl WriteJob for Job {
        fn run(&mut self, tx: &mut dyn WriteTx) -> bool {
            self.refused = (self.work)(tx).is_err();
            !self.refused
        }

        fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
            assert!(!self.refused, "none of these refuses");
            self.answers.send(committed).unwrap();
        }
    }

    /// SQLite ends the transaction by itself when a statement finds the disk full. A closure that shrugs at that error
    /// must not get its later statements committed one by one, and its neighbours must hear that theirs are gone.
    #[test]
    fn a_transaction_that_sqlite_gave_up_takes_nothing_more() {
        let shrug: Work = |tx| {
            let big = "x".repeat(10_000_000);
            let error = tx.append(&Event::new(EventName::AdminAction, now()).with("big", big)).unwrap_err();
            assert!(matches!(error, StoreError::Database(_)), "{error:?}");
            let error = tx.put_person(&person(3)).unwrap_err();
            assert!(matches!(error, StoreError::Database(_)), "{error:?}");
            Ok(())
        };
        let small: Work = |tx| {
            sign_in(tx, 1)?;
            tx.append(&Event::new(EventName::AdminAction, now())).map(drop)
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.db");
        files::make(&path).unwrap();
        let connection = open::writer(&path).unwrap();
        let bell = Bell::hang(open::folder(&path).unwrap()).unwrap();
        let mut writer = Writer::new(connection, bell, files::lock(&path).unwrap().unwrap());
        writer.connection.pragma_update(None, "max_page_count", 200).unwrap();
        let (jobs, queue) = sync_channel::<Box<dyn WriteJob>>(8);
        let (answers, answered) = sync_channel(8);
        let mut send = |works: &[Work]| {
            for work in works {
                jobs.send(Box::new(Job { work: *work, refused: false, answers: answers.clone() })).unwrap();
            }
            let first = queue.recv().unwrap();
            writer.batch(first, &queue);
            answered.try_iter().map(|answer| answer.is_ok()).collect::<Vec<_>>()
        };
        assert_eq!(send(&[small, shrug]), [false, false]);
        let tables_are_empty = || {
            let reader = open::reader(&path).unwrap();
            reader.execute_batch("BEGIN").unwrap();
            let tx = Tx::new(&reader, None);
            tx.people().unwrap().is_empty() && tx.audit_head().unwrap() == Head::GENESIS
        };
        assert!(tables_are_empty());
        assert_eq!(send(&[small]), [true]);
        assert!(!tables_are_empty());
    }
}
