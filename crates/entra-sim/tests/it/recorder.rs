//! The least that a SCIM server can be: keeps what it is sent, and writes every request down.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

#[derive(Default)]
struct Store {
    seen: Vec<Seen>,
    resources: BTreeMap<String, Value>,
    next: u32,
    /// Answers instead, by the start of the request line.
    failing: Option<(String, u16)>,
}

#[derive(Clone)]
pub(crate) struct Recorder {
    store: Arc<Mutex<Store>>,
    pub(crate) url: String,
}

impl Recorder {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/scim/v2", listener.local_addr().unwrap());
        let recorder = Self { store: Arc::default(), url };
        let router = Router::new().fallback(answer).with_state(recorder.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        recorder
    }

    /// The requests since the last call.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.store.lock().unwrap().seen)
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.take().into_iter().map(|seen| seen.line).collect()
    }

    pub(crate) fn fail(&self, start: &str, status: u16) {
        self.store.lock().unwrap().failing = Some((start.to_owned(), status));
    }

    pub(crate) fn recover(&self) {
        self.store.lock().unwrap().failing = None;
    }

    /// Puts a resource there that came from elsewhere.
    pub(crate) fn plant(&self, path: &str, resource: Value) {
        self.store.lock().unwrap().resources.insert(path.to_owned(), resource);
    }

    pub(crate) fn forget(&self, path: &str) {
        self.store.lock().unwrap().resources.remove(path);
    }
}

async fn answer(
    State(recorder): State<Recorder>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().strip_prefix("/scim/v2/").unwrap().to_owned();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let line = format!("{method} /{path}{query}");
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut store = recorder.store.lock().unwrap();
    store.seen.push(Seen { line: line.clone(), headers, body: body.clone() });
    if let Some((_, status)) = store.failing.as_ref().filter(|(start, _)| line.starts_with(start)) {
        let error =
            json!({ "status": status.to_string(), "scimType": "uniqueness", "detail": "told to fail" });
        return (StatusCode::from_u16(*status).unwrap(), Json(error)).into_response();
    }
    match method {
        Method::GET if path.contains('/') => match store.resources.get(&path) {
            Some(resource) => Json(resource.clone()).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        Method::GET => Json(find(&store, &path, uri.query().unwrap_or_default())).into_response(),
        Method::POST => {
            store.next += 1;
            let id = format!("scim-{}", store.next);
            let mut resource = body;
            resource["id"] = json!(id);
            store.resources.insert(format!("{path}/{id}"), resource.clone());
            (StatusCode::CREATED, Json(resource)).into_response()
        }
        Method::PATCH => StatusCode::NO_CONTENT.into_response(),
        _ => match store.resources.remove(&path) {
            Some(_) => StatusCode::NO_CONTENT.into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
    }
}

fn find(store: &Store, endpoint: &str, query: &str) -> Value {
    let pairs: BTreeMap<String, String> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let (attribute, value) = pairs["filter"].split_once(" eq ").unwrap();
    let found: Vec<&Value> = store
        .resources
        .iter()
        .filter(|(path, resource)| {
            path.starts_with(endpoint) && resource[attribute] == *value.trim_matches('"')
        })
        .map(|(_, resource)| resource)
        .collect();
    json!({ "totalResults": found.len(), "Resources": found })
}
