use std::error::Error;
use std::fs::File;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use sallyport_store::WriteJob;

use crate::failure::{BatchLost, database};
use crate::fold::Bell;
use crate::tx::{Known, Tx};

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
        let outcome = self.together(first, queue, &mut ran).inspect_err(|lost| self.give_up(lost));
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
    ) -> Result<(), BatchLost> {
        let began = Instant::now();
        let mut known = Known::default();
        ran.push(first);
        self.perform("BEGIN IMMEDIATE")?;
        while let Some(job) = ran.last_mut() {
            self.one(job.as_mut(), &mut known)?;
            if ran.len() >= MOST || began.elapsed() >= LONGEST {
                break;
            }
            match queue.try_recv() {
                Ok(next) => ran.push(next),
                Err(_) => break,
            }
        }
        self.perform("COMMIT")?;
        Ok(())
    }

    /// One closure. An error is that of the whole batch: its transaction is in doubt.
    fn one(&self, job: &mut dyn WriteJob, known: &mut Known) -> Result<(), BatchLost> {
        if job.is_firm() {
            return self.firm(job, known);
        }
        self.perform("SAVEPOINT closure")?;
        let mut tx = Tx::new(&self.connection, known.clone());
        if job.run(&mut tx) {
            *known = tx.known;
        } else {
            self.perform("ROLLBACK TO closure")?;
        }
        self.perform("RELEASE closure")?;
        Ok(())
    }

    /// Without a savepoint: of what this one changes and then refuses, only the whole batch can be taken back.
    fn firm(&self, job: &mut dyn WriteJob, known: &mut Known) -> Result<(), BatchLost> {
        let mut tx = Tx::new(&self.connection, known.clone());
        let done = job.run(&mut tx);
        // SQLite may give up the whole transaction for a read as well; a savepoint would have failed to be released.
        if self.connection.is_autocommit() || (!done && tx.has_changed()) {
            return Err(BatchLost::NotFirm);
        }
        *known = tx.known;
        Ok(())
    }

    /// Nothing of the batch stays, and the next one starts from what the file says.
    fn give_up(&self, lost: &BatchLost) {
        report(lost, "writes to the database were rolled back");
        if !self.connection.is_autocommit()
            && let Err(error) = self.perform("ROLLBACK")
        {
            report(&error, "the roll-back failed as well");
        }
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
    use std::path::PathBuf;
    use std::sync::mpsc::{SyncSender, sync_channel};

    use sallyport_audit::{Event, EventName, Head};
    use sallyport_store::conformance::samples::{now, person, sign_in};
    use sallyport_store::{AuditLog, Directory, StoreError, WriteTx};
    use tempfile::TempDir;

    use super::*;
    use crate::{files, open};

    type Work = fn(&mut dyn WriteTx) -> Result<(), StoreError>;

    struct Job {
        work: Work,
        firm: bool,
        refused: bool,
        answers: SyncSender<Result<(), StoreError>>,
    }

    impl WriteJob for Job {
        fn is_firm(&self) -> bool {
            self.firm
        }

        fn run(&mut self, tx: &mut dyn WriteTx) -> bool {
            self.refused = (self.work)(tx).is_err();
            !self.refused
        }

        fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
            self.answers.send(if self.refused { Err(StoreError::Panicked) } else { committed }).unwrap();
        }
    }

    /// A writer whose queue is filled and emptied by the test.
    struct Bench {
        writer: Writer,
        path: PathBuf,
        _folder: TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("small.db");
            files::make(&path).unwrap();
            let connection = open::writer(&path).unwrap();
            let bell = Bell::hang(open::folder(&path).unwrap()).unwrap();
            let writer = Writer::new(connection, bell, files::lock(&path).unwrap().unwrap());
            Self { writer, path, _folder: folder }
        }

        /// Has them share a commit; which of them were told that theirs stands.
        fn send(&mut self, works: &[(Work, bool)]) -> Vec<bool> {
            let (jobs, queue) = sync_channel::<Box<dyn WriteJob>>(8);
            let (answers, answered) = sync_channel(8);
            for (work, firm) in works {
                let job = Job { work: *work, firm: *firm, refused: false, answers: answers.clone() };
                jobs.send(Box::new(job)).unwrap();
            }
            let first = queue.recv().unwrap();
            self.writer.batch(first, &queue);
            answered.try_iter().map(|answer| answer.is_ok()).collect()
        }

        fn tables_are_empty(&self) -> bool {
            let reader = open::reader(&self.path).unwrap();
            reader.execute_batch("BEGIN").unwrap();
            let tx = Tx::new(&reader, Known::default());
            tx.people().unwrap().is_empty() && tx.audit_head().unwrap() == Head::GENESIS
        }
    }

    fn small(tx: &mut dyn WriteTx) -> Result<(), StoreError> {
        sign_in(tx, 1)?;
        tx.append(&Event::new(EventName::AdminAction, now())).map(drop)
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
        let mut bench = Bench::new();
        bench.writer.connection.pragma_update(None, "max_page_count", 200).unwrap();
        assert_eq!(bench.send(&[(small, false), (shrug, false)]), [false, false]);
        assert!(bench.tables_are_empty());
        assert_eq!(bench.send(&[(small, false)]), [true]);
        assert!(!bench.tables_are_empty());
    }

    /// Without a savepoint there is no way back to where it began: nobody's writes stay, and everybody hears it.
    #[test]
    fn a_firm_write_that_fails_half_way_takes_its_commit_with_it() {
        let half: Work = |tx| {
            tx.put_person(&person(3))?;
            Err(StoreError::Missing("word"))
        };
        let mut bench = Bench::new();
        assert_eq!(bench.send(&[(small, false), (half, true)]), [false, false]);
        assert!(bench.tables_are_empty());
        assert_eq!(bench.send(&[(small, true)]), [true]);
    }

    #[test]
    fn a_firm_write_that_refuses_before_its_first_change_is_refused_alone() {
        let early: Work = |tx| match tx.audit_head()? {
            Head::GENESIS => Ok(()),
            _ => Err(StoreError::Missing("word")),
        };
        let mut bench = Bench::new();
        assert_eq!(
            bench.send(&[(small, true), (early, true), (|tx| tx.put_person(&person(3)), true)]),
            [true, false, true]
        );
        let reader = open::reader(&bench.path).unwrap();
        reader.execute_batch("BEGIN").unwrap();
        assert_eq!(Tx::new(&reader, Known::default()).people().unwrap(), [person(1), person(3)]);
    }
}
