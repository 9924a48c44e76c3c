//! Every promise of `sallyport-store`.

use sallyport_store::Store;
use sallyport_store_sqlite::SqliteStore;
use tempfile::TempDir;

fn fresh() -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("sallyport.db")).unwrap();
    (store.into_store(), folder)
}

sallyport_store::conformance_tests!(fresh);
