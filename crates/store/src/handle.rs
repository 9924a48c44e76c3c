use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{ReadTx, StoreError, WriteTx};

/// A read, ready to run on some thread of the backend.
pub trait ReadJob: Send {
    /// Called once.
    fn run(self: Box<Self>, tx: Result<&dyn ReadTx, StoreError>);
}

/// A write, ready to run on the writer's thread.
pub trait WriteJob: Send {
    /// Whether it has refused whatever it refuses before its first change: see [`Store::write_firm`].
    fn is_firm(&self) -> bool;
    /// Called once, inside a savepoint of its own unless it is firm. `false` means: nothing of it may stay.
    fn run(&mut self, tx: &mut dyn WriteTx) -> bool;
    /// Called once, after the commit that holds the savepoint, or after it failed. Only now does anyone hear of it.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

/// What a database adapter provides. Neither call blocks: they are made from asynchronous tasks.
pub trait Backend: Send + Sync {
    fn read(&self, job: Box<dyn ReadJob>);
    fn write(&self, job: Box<dyn WriteJob>);
}

/// The store as the application holds it: cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<dyn Backend>);

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    #[must_use]
    pub fn new(backend: impl Backend + 'static) -> Self {
        Self(Arc::new(backend))
    }

    /// Runs `work` on one consistent state.
    ///
    /// # Errors
    /// What `work` returns, or a [`StoreError`] as `E`.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&dyn ReadTx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.0.read(Box::new(Read { work, reply }));
        answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Runs `work` alone. `Ok` means that everything in it is durable; `Err` that nothing of it stays.
    ///
    /// # Errors
    /// What `work` returns, or a [`StoreError`] as `E`.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut dyn WriteTx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.queue(work, false).await
    }

    /// As [`Store::write`], for work that decides first and writes then. It needs no savepoint, which is a tenth of
    /// what a certificate costs the writer. When it fails all the same after its first change, everybody in its commit
    /// fails with it: nothing is kept that was not meant.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn write_firm<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut dyn WriteTx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.queue(work, true).await
    }

    async fn queue<T, E, F>(&self, work: F, firm: bool) -> Result<T, E>
    where
        F: FnOnce(&mut dyn WriteTx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.0.write(Box::new(Write { work: Some(work), firm, result: None, reply }));
        answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }
}

/// A panic in one use case is that caller's error; the thread and the others in the batch go on. What the closure
/// could have left half done is in the database alone, and is rolled back.
fn caught<T, E: From<StoreError>>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(StoreError::Panicked.into()))
}

struct Read<F, T, E> {
    work: F,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> ReadJob for Read<F, T, E>
where
    F: FnOnce(&dyn ReadTx) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(self: Box<Self>, tx: Result<&dyn ReadTx, StoreError>) {
        let Self { work, reply } = *self;
        let result = tx.map_err(E::from).and_then(|tx| caught(|| work(tx)));
        // Nobody waits any more: the request was given up.
        let _ = reply.send(result);
    }
}

struct Write<F, T, E> {
    work: Option<F>,
    firm: bool,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> WriteJob for Write<F, T, E>
where
    F: FnOnce(&mut dyn WriteTx) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn is_firm(&self) -> bool {
        self.firm
    }

    fn run(&mut self, tx: &mut dyn WriteTx) -> bool {
        self.result = self.work.take().map(|work| caught(|| work(tx)));
        matches!(self.result, Some(Ok(_)))
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (self.result, committed) {
            // Refused by the work itself: its own reason counts, whatever became of the others' commit.
            (Some(Err(refused)), _) => Err(refused),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(error)) => Err(error.into()),
            (None, Ok(())) => Err(StoreError::Closed.into()),
        };
        // Nobody waits any more: the request was given up, the write stands.
        let _ = self.reply.send(result);
    }
}
