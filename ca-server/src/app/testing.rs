//! The use cases on a store of their own, for tests that stand beside them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sallyport_client::SystemClock;
use sallyport_domain::Clock;
use sallyport_entra::{HttpClient, Issuer};
use sallyport_store_sqlite::SqliteStore;
use serde_json::{Map, Value};

use super::App;
use crate::config::{self, Template};
use crate::signer::Keys;

pub(super) const TENANT: &str = "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311";

/// A new CA in an empty folder.
pub(super) fn app(folder: &Path) -> App {
    app_with(folder, Arc::new(SystemClock), |text| text)
}

/// As [`app`], by another clock, with another configuration than `init` would write.
pub(super) fn app_with(folder: &Path, clock: Arc<dyn Clock>, edit: impl FnOnce(String) -> String) -> App {
    let text = edit(config::template(&Template {
        tenant: TENANT,
        client_id: "c11e0001-5a5a-4b4b-8c8c-0000000000c1",
        issuer: "http://127.0.0.1:1",
        host_domains: &[],
        device: "off",
        address: "127.0.0.1:0",
        tls_names: &[],
    }));
    let path = folder.join("sallyport.toml");
    std::fs::write(&path, &text).unwrap();
    let config = config::check_text(&path, &text).unwrap();
    std::fs::create_dir(config.keys_path()).unwrap();
    let keys = Keys::create(&config.keys_path()).unwrap();
    let store = SqliteStore::open(&config.store_path()).unwrap().into_store();
    let tls = sallyport_trust_roots::system(None).unwrap();
    let http = HttpClient::new(tls, Duration::from_secs(1)).unwrap();
    let issuer = Issuer::new(config.ca.issuer.clone(), http);
    App::new(config, keys, store, issuer, clock, Vec::new())
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}
