use std::error::Error;
use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use sallyport_audit::Head;
use sallyport_store::WriteJob;

use crate::failure::{BatchLost, database};
use crate::tx::Tx;

/// As many closures share a commit at most.
const MOST: usize = 512;

/// So long may the first closure of a batch wait for the later ones to run, before the commit begins.
const LONGEST: Duration = Duration::from_millis(20);

/// The only one who writes.
pub(crate) struct Writer {
    // In this order: the connection is closed (and the log folded into the file) before another process may open it.
    connection: Connection,
    _lock: File,
}

impl Writer {
    pub(crate) fn new(connection: Connection, lock: File) -> Self {
        Self { connection, _lock: lock }
    }

    /// Writes until the queue is closed and empty.
    pub(crate) fn run(self, queue: &Receiver<Box<dyn WriteJob>>) {
        while let Ok(first) = queue.recv() {
            self.batch(first, queue);
        }
    }

    /// Runs `first` and what waits behind it, commits once, then answers them all.
    fn batch(&self, first: Box<dyn WriteJob>, queue: &Receiver<Box<dyn WriteJob>>) {
        let mut ran = Vec::new();
        let outcome = self.together(first, queue, &mut ran).map_err(|error| self.give_up(error));
        for job in ran {
            job.finish(outcome.clone().map_err(database));
        }
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
