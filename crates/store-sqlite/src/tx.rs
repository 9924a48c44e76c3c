use std::cell::Cell;

use rusqlite::{CachedStatement, Connection, Params};
use sallyport_audit::Head;
use sallyport_domain::Serial;
use sallyport_store::StoreError;

use crate::cells::{Cells, FromRow};
use crate::failure::{TransactionLost, database, refused};

#[cfg(test)]
mod plans;

/// One closure's view of the database. `rows/` gives it its verbs.
pub(crate) struct Tx<'c> {
    connection: &'c Connection,
    pub(crate) known: Known,
    /// Whether a row was changed.
    changed: Cell<bool>,
}

/// What was read or written within this batch, and need not be read again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The chain's end.
    pub(crate) head: Cell<Option<Head>>,
    pub(crate) next_serial: Cell<Option<Serial>>,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(connection: &'c Connection, known: Known) -> Self {
        Self { connection, known, changed: Cell::new(false) }
    }

    /// Whether anything would have to be rolled back.
    pub(crate) fn has_changed(&self) -> bool {
        self.changed.get()
    }

    /// Refuses once the transaction is gone: what a closure does after it swallowed that failure would be committed
    /// statement by statement.
    fn statement(&self, sql: &str) -> Result<CachedStatement<'_>, StoreError> {
        if self.connection.is_autocommit() {
            return Err(database(TransactionLost));
        }
        #[cfg(test)]
        plans::note(sql);
        self.connection.prepare_cached(sql).map_err(database)
    }

    pub(crate) fn one<T: FromRow>(&self, sql: &str, params: impl Params) -> Result<Option<T>, StoreError> {
        self.one_of(T::TABLE, sql, params, T::from_row)
    }

    pub(crate) fn all<T: FromRow>(&self, sql: &str, params: impl Params) -> Result<Vec<T>, StoreError> {
        self.all_of(T::TABLE, sql, params, T::from_row)
    }

    pub(crate) fn one_of<T>(
        &self,
        table: &'static str,
        sql: &str,
        params: impl Params,
        read: impl Fn(&mut Cells<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(params).map_err(database)?;
        match rows.next().map_err(database)? {
            Some(row) => read(&mut Cells::new(row, table)).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn all_of<T>(
        &self,
        table: &'static str,
        sql: &str,
        params: impl Params,
        read: impl Fn(&mut Cells<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(params).map_err(database)?;
        let mut items = Vec::new();
        while let Some(row) = rows.next().map_err(database)? {
            items.push(read(&mut Cells::new(row, table))?);
        }
        Ok(items)
    }

    /// Changes rows; how many. `parent` names what a row refers to, for when it is not there.
    pub(crate) fn change(
        &self,
        sql: &str,
        params: impl Params,
        parent: &'static str,
    ) -> Result<usize, StoreError> {
        self.changed.set(true);
        self.statement(sql)?.execute(params).map_err(|error| refused(error, parent))
    }

    /// Several changes that stand or fall together, whatever the closure makes of the error.
    pub(crate) fn together<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.change("SAVEPOINT step", [], "")?;
        let result = work();
        if result.is_err() {
            // Fails only when the whole transaction is gone; the first error says why.
            let _ = self.change("ROLLBACK TO step", [], "");
        }
        let released = self.change("RELEASE step", [], "");
        result.and_then(|value| released.map(|_| value))
    }
}
