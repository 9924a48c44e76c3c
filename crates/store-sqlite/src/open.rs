use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::{files, schema};

/// Only a person with a database shell can hold us up.
const PATIENCE: Duration = Duration::from_secs(5);

/// More than there are different statements, so that each is compiled once a connection.
const STATEMENTS: usize = 256;

/// Why a store cannot be opened, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot open the database {}", path.display())]
    Database {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("cannot reach the database file {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is a database, but not one of Sallyport's: name another path", path.display())]
    Foreign { path: PathBuf },
    #[error("{} is open in another process: ask that one, or stop it first", path.display())]
    InUse { path: PathBuf },
    #[error("{} cannot have a write-ahead log (it got {mode:?}): put it on a local file system", path.display())]
    Journal { path: PathBuf, mode: String },
    #[error(
        "{} has schema {found}, this version knows none above {known}: run the version that wrote it, or a later one",
        path.display()
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("cannot start a thread for the database")]
    Thread(#[source] io::Error),
}

/// The connection that writes, on a database of the newest schema. It folds the log into the file by itself only when
/// nobody else does ([`crate::fold`]) and 256 MiB have gathered.
pub(crate) fn writer(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |source| OpenError::Database { path: path.to_owned(), source };
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    prepare(&connection).map_err(failed)?;
    // Before anything is written: what is not ours stays as it is.
    let version = schema::version(&connection, path)?;
    files::narrow_all(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    let mode: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        return Err(OpenError::Journal { path: path.to_owned(), mode });
    }
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL;
             PRAGMA cache_size = -32768;
             PRAGMA wal_autocheckpoint = 64000;
             PRAGMA journal_size_limit = 67108864;",
        )
        .map_err(failed)?;
    schema::migrate(&mut connection, version).map_err(failed)?;
    Ok(connection)
}

/// A connection that can only read. The writer's must be open already.
pub(crate) fn reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |source| OpenError::Database { path: path.to_owned(), source };
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    prepare(&connection).map_err(failed)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -8192;").map_err(failed)?;
    Ok(connection)
}

/// A connection for folding the log, which changes no row. The writer's must be open already.
pub(crate) fn folder(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |source| OpenError::Database { path: path.to_owned(), source };
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    prepare(&connection).map_err(failed)?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -64;").map_err(failed)?;
    Ok(connection)
}

/// Savepoints keep their undo pages in memory: `temp_store`. A plan is made without regard to what is bound to it
/// (QPSG): else SQLite compiles some statements anew at every call, which costs more than the lookup.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(
        "PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF;",
    )
}
