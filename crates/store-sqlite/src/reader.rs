use std::error::Error;
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;
use sallyport_store::ReadJob;

use crate::failure::database;
use crate::tx::{Known, Tx};

/// Reads until the queue is closed and empty. The readers share the queue; one waits in it, the others for it.
pub(crate) fn run(connection: &Connection, queue: &Mutex<Receiver<Box<dyn ReadJob>>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(job) => read(connection, job),
            Err(_) => return,
        }
    }
}

/// A deferred transaction is one snapshot: that of its first statement.
fn read(connection: &Connection, job: Box<dyn ReadJob>) {
    match connection.execute_batch("BEGIN") {
        Ok(()) => job.run(Ok(&Tx::new(connection, Known::default()))),
        Err(error) => job.run(Err(database(error))),
    }
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        let error: &dyn Error = &error;
        tracing::error!(error, "a read of the database could not be ended");
    }
}
