use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use sallyport_audit::{Event, EventName};
use sallyport_store::conformance::samples::{after, certificate, now, serial, token};
use sallyport_store::{Store, StoreError, WriteTx};
use sallyport_store_sqlite::SqliteStore;
use tempfile::TempDir;

/// Where a test's other process finds the database.
pub(crate) const CHILD: &str = "SALLYPORT_STORE_TEST_CHILD";

pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.path().join("sallyport.db")
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.database()).unwrap()
    }

    /// A look past the adapter, while it is closed.
    pub(crate) fn raw(&self) -> Connection {
        Connection::open(self.database()).unwrap()
    }

    /// This very test in a process of its own, which finds [`CHILD`] set. `wrapper` runs it.
    pub(crate) fn child(&self, test: &str, wrapper: &[&str]) -> Command {
        let this = std::env::current_exe().unwrap();
        let mut words = wrapper.iter().map(Into::into).chain([this.into_os_string()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["--exact", test, "--nocapture"]).env(CHILD, self.database());
        command
    }
}

/// What the CA does for a certificate: the token is used up, the intent recorded, the chain goes on. Wants
/// the person 1 with session 1. Gives the serial.
pub(crate) fn issue(tx: &mut dyn WriteTx, tbs: Vec<u8>) -> Result<u64, StoreError> {
    let next = tx.next_serial()?.unwrap_or(serial(1));
    let mut row = certificate(next.value(), 1);
    row.tbs = tbs;
    tx.use_token(&token(&next.to_string(), next.value()))?;
    tx.intend(&row)?;
    tx.append(&Event::new(EventName::CertificateIntended, now()).of_serial(next))?;
    tx.set_next_serial(next.next())?;
    Ok(next.value())
}

/// The serials of all certificates, each with its token use, and a chain that holds and has a record for each.
pub(crate) async fn issued(store: &Store) -> Vec<u64> {
    store
        .read(|tx| {
            let records = tx.audit_after(0, usize::MAX)?;
            let chained: Vec<u64> = records
                .iter()
                .filter_map(|record| record.event().unwrap().serial)
                .map(sallyport_domain::Serial::value)
                .collect();
            let head = sallyport_audit::verify(sallyport_audit::Head::GENESIS, records).unwrap();
            assert_eq!(head, tx.audit_head()?);
            let serials: Vec<u64> =
                tx.certificates_after(None, usize::MAX)?.iter().map(|row| row.serial.value()).collect();
            assert_eq!(serials, chained);
            for serial in &serials {
                assert!(tx.token_use(&serial.to_string(), after(3_600))?.is_some());
            }
            Ok::<_, StoreError>(serials)
        })
        .await
        .unwrap()
}
