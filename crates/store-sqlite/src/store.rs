use std::fmt;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use sallyport_store::{Backend, ReadJob, Store, StoreError, WriteJob};

use crate::fold::Bell;
use crate::writer::Writer;
use crate::{OpenError, files, open, reader};

/// What may wait for the writer, and for the readers: more than a full house of connections, and still soon done.
const QUEUE: usize = 4096;

/// The database file, with its threads. Clones are the same store.
///
/// It is closed by [`SqliteStore::close`], or when the last clone (and the last [`Store`] made of one) is dropped.
#[derive(Clone)]
pub struct SqliteStore(Arc<Running>);

struct Running {
    /// `None` once the store is closed.
    queues: RwLock<Option<Queues>>,
    readers: Mutex<Vec<JoinHandle<()>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Queues {
    reads: SyncSender<Box<dyn ReadJob>>,
    writes: SyncSender<Box<dyn WriteJob>>,
}

impl SqliteStore {
    /// Opens the database at `path`, which is made (mode 0600) when it is not there, and brings its schema up to date.
    /// The folder must be there. Blocks; to be called before the serving begins.
    ///
    /// # Errors
    /// See [`OpenError`]: the file is out of reach, in use, of a later version, or no database of ours. It is then as
    /// it was.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let unreachable = |source| OpenError::File { path: path.to_owned(), source };
        let Some(lock) = files::lock(path).map_err(unreachable)? else {
            return Err(OpenError::InUse { path: path.to_owned() });
        };
        files::make(path).map_err(unreachable)?;
        let (reads, to_read) = sync_channel(QUEUE);
        let (writes, to_write) = sync_channel(QUEUE);
        let connection = open::writer(path)?;
        let bell = Bell::hang(open::folder(path)?).map_err(OpenError::Thread)?;
        let scribe = Writer::new(connection, bell, lock);
        let readers = readers(path, to_read)?;
        let scribe = start("store-writer", move || scribe.run(&to_write))?;
        Ok(Self(Arc::new(Running {
            queues: RwLock::new(Some(Queues { reads, writes })),
            readers: Mutex::new(readers),
            writer: Mutex::new(Some(scribe)),
        })))
    }

    /// The store as the application holds it.
    #[must_use]
    pub fn into_store(self) -> Store {
        Store::new(self)
    }

    /// Takes nothing more on, finishes what waits, and closes the file. Blocks until that is done. Later work is
    /// answered with [`StoreError::Closed`].
    pub fn close(&self) {
        self.0.close();
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl Backend for SqliteStore {
    fn read(&self, job: Box<dyn ReadJob>) {
        match self.0.send(job, |queues| &queues.reads) {
            Ok(()) => {}
            Err((job, error)) => job.run(Err(error)),
        }
    }

    fn write(&self, job: Box<dyn WriteJob>) {
        match self.0.send(job, |queues| &queues.writes) {
            Ok(()) => {}
            Err((job, error)) => job.finish(Err(error)),
        }
    }
}

impl Running {
    fn send<J>(&self, job: J, to: impl Fn(&Queues) -> &SyncSender<J>) -> Result<(), (J, StoreError)> {
        let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
        let Some(queues) = queues.as_ref() else { return Err((job, StoreError::Closed)) };
        to(queues).try_send(job).map_err(|error| match error {
            TrySendError::Full(job) => (job, StoreError::Busy),
            TrySendError::Disconnected(job) => (job, StoreError::Closed),
        })
    }

    fn close(&self) {
        drop(self.queues.write().unwrap_or_else(PoisonError::into_inner).take());
        // The readers first: the last connection to go folds the log into the file, and must be able to write.
        for reader in self.readers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            finish(reader);
        }
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            finish(writer);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.close();
    }
}

/// As many readers as there are processors, between two and four.
fn readers(path: &Path, queue: Receiver<Box<dyn ReadJob>>) -> Result<Vec<JoinHandle<()>>, OpenError> {
    let wanted = thread::available_parallelism().map_or(2, |found| found.get().clamp(2, 4));
    let queue = Arc::new(Mutex::new(queue));
    (0..wanted)
        .map(|_| {
            let connection = open::reader(path)?;
            let queue = Arc::clone(&queue);
            start("store-reader", move || reader::run(&connection, &queue))
        })
        .collect()
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(OpenError::Thread)
}

fn finish(thread: JoinHandle<()>) {
    // A closure may hold the last clone of the store: then it is one of its own threads that closes it.
    if thread.thread().id() != thread::current().id() && thread.join().is_err() {
        tracing::error!("a thread of the database panicked");
    }
}
