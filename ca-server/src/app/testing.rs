//! The use cases on a store of their own, for tests that stand beside them.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use sallyport_client::SystemClock;
use sallyport_domain::Clock;
use sallyport_entra::{HttpClient, Issuer};
use sallyport_store::conformance::samples::{connection, now, scim_token};
use sallyport_store::{ConnectionRow, ScimTokenRow};
use sallyport_store_sqlite::SqliteStore;
use serde_json::{Map, Value};

use super::App;
use super::doctor::Facts;
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

pub(super) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// So many days after a credential was made for a year, on a connection that spoke last after so many.
pub(super) fn facts(days: i32, last_request_days: i32) -> Facts {
    let later = |days: i32| now() + DAY.saturating_mul(days);
    let token = ScimTokenRow { created_at: now(), expires_at: later(365), ..scim_token(1) };
    let revoked = ScimTokenRow { revoked_at: Some(now()), ..scim_token(2) };
    let spoke = ConnectionRow { last_request_at: Some(later(last_request_days)), ..connection(1) };
    Facts {
        now: later(days),
        listening_since: now(),
        silent_after: SignedDuration::from_hours(3),
        connections: vec![spoke],
        heard: std::collections::BTreeMap::new(),
        tokens: vec![token, revoked],
        hosts: Vec::new(),
        troubled: Vec::new(),
        turned_away: Vec::new(),
        outcomes: std::collections::BTreeMap::new(),
        returned: Vec::new(),
        other_expression: None,
        tls: Vec::new(),
    }
}

/// What is written into the log, as text.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub(super) fn subscriber(&self) -> impl tracing::Subscriber + use<> {
        let to = self.clone();
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || to.clone()).finish()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}
