//! The requests that Entra is known to send, as data (`tests/corpus/scim/`), replayed against the running server.
//! What counts is the state afterwards: a resource is read before and after, and nothing may have changed but what
//! the case says. `README.md` beside the data says how a case is written.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::Method;
use sallyport_entra_sim::Sim;
use sallyport_tests::World;
use sallyport_tests::world::Answer;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{PATCH_OP, create, id};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/scim");

/// One change, in every spelling that is known for it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    name: String,
    /// Names in `resources.json`: each spelling is tried on a new one of each.
    on: Vec<String>,
    /// Operations that come before, and succeed.
    #[serde(default)]
    first: Vec<Value>,
    /// Lists of operations.
    spellings: Vec<Vec<Value>>,
    #[serde(default = "ok")]
    status: u16,
    #[serde(rename = "scimType")]
    kind: Option<String>,
    /// The attributes that differ afterwards; null is absence.
    #[serde(default)]
    after: Map<String, Value>,
    /// For one of `on`, instead of `after`.
    #[serde(default)]
    after_on: BTreeMap<String, Map<String, Value>>,
}

/// A request that creates something, or must not.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Creation {
    name: String,
    endpoint: String,
    /// What is there already.
    #[serde(default)]
    beside: Vec<Value>,
    bodies: Vec<Value>,
    #[serde(default = "created")]
    status: u16,
    #[serde(rename = "scimType")]
    kind: Option<String>,
    /// Attributes of the resource afterwards; null is absence.
    #[serde(default)]
    resource: Map<String, Value>,
}

/// Addresses that all mean the same.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    name: String,
    on: String,
    paths: Vec<String>,
    #[serde(default = "ok")]
    status: u16,
    #[serde(rename = "scimType")]
    kind: Option<String>,
    /// How many a list finds; without it, the answer is the resource itself.
    total: Option<usize>,
    /// Attributes of what is found; null is absence.
    #[serde(default)]
    resource: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    endpoint: String,
    body: Value,
}

const fn ok() -> u16 {
    200
}

const fn created() -> u16 {
    201
}

#[test]
fn changes_of_users() -> Result<()> {
    changes("user_changes.json")
}

#[test]
fn changes_of_groups() -> Result<()> {
    changes("group_changes.json")
}

#[test]
fn creations() -> Result<()> {
    let corpus = Corpus::new()?;
    let cases: Vec<Creation> = read("creations.json")?;
    let mut faults = Vec::new();
    for case in &cases {
        for body in &case.bodies {
            let outcome = corpus.create(case, body);
            faults.extend(outcome.err().map(|error| format!("{}: {body}\n    {error:#}", case.name)));
        }
    }
    none(&faults)
}

#[test]
fn reads() -> Result<()> {
    let corpus = Corpus::new()?;
    let cases: Vec<Read> = read("reads.json")?;
    let mut faults = Vec::new();
    for case in &cases {
        let names = corpus.instance(&case.on)?;
        for path in &case.paths {
            let outcome = corpus.read(case, path, &names);
            faults.extend(outcome.err().map(|error| format!("{}: {path}\n    {error:#}", case.name)));
        }
    }
    none(&faults)
}

fn changes(file: &str) -> Result<()> {
    let corpus = Corpus::new()?;
    let cases: Vec<Change> = read(file)?;
    let mut faults = Vec::new();
    for case in &cases {
        for on in &case.on {
            for operations in &case.spellings {
                let outcome = corpus.change(case, on, operations);
                let text = || format!("{}, on {on}: {}", case.name, json!(operations));
                faults.extend(outcome.err().map(|error| format!("{}\n    {error:#}", text())));
            }
        }
    }
    none(&faults)
}

fn none(faults: &[String]) -> Result<()> {
    ensure!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    Ok(())
}

fn read<T: DeserializeOwned>(file: &str) -> Result<T> {
    let path = Path::new(FOLDER).join(file);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

/// What `{…}` in the data stands for.
#[derive(Clone, Debug)]
struct Names(BTreeMap<&'static str, String>);

impl Names {
    /// New names for one resource; `{n}` and `{oid}` are never the same twice.
    fn new(people: &BTreeMap<&'static str, String>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let mut names = people.clone();
        names.insert("n", COUNT.fetch_add(1, Ordering::Relaxed).to_string());
        let oid = Sim::new_oid().to_string();
        names.insert("OID", oid.to_uppercase());
        names.insert("oid", oid);
        Self(names)
    }

    fn fill(&self, text: &str) -> String {
        let fill =
            |text: String, (name, value): (&&str, &String)| text.replace(&format!("{{{name}}}"), value);
        self.0.iter().fold(text.to_owned(), fill)
    }

    fn filled(&self, value: &Value) -> Result<Value> {
        Ok(serde_json::from_str(&self.fill(&value.to_string()))?)
    }
}

/// A server with the people that the data names: `{one}`, `{two}` and `{three}` are ids of users.
struct Corpus {
    world: std::sync::Arc<World>,
    templates: BTreeMap<String, Template>,
    people: BTreeMap<&'static str, String>,
}

impl Corpus {
    fn new() -> Result<Self> {
        let (world, templates) = (World::shared()?, read("resources.json")?);
        let mut corpus = Self { world, templates, people: BTreeMap::new() };
        for name in ["one", "two", "three"] {
            let id = corpus.instance("bare")?.0.remove("id").context("no id")?;
            corpus.people.insert(name, id);
        }
        Ok(corpus)
    }

    /// A new resource from its template; the names it was made with, and `{id}` and `{path}` of its own.
    fn instance(&self, template: &str) -> Result<Names> {
        let template = self.templates.get(template).with_context(|| format!("no resource {template}"))?;
        let mut names = Names::new(&self.people);
        let id = create(&self.world, &template.endpoint, &names.filled(&template.body)?)?;
        names.0.insert("path", format!("/{}/{id}", template.endpoint));
        names.0.insert("id", id);
        Ok(names)
    }

    fn change(&self, case: &Change, on: &str, operations: &[Value]) -> Result<()> {
        let names = self.instance(on)?;
        let path = names.fill("{path}");
        if !case.first.is_empty() {
            let answer = self.patch(&path, &names.filled(&json!(case.first))?)?;
            ensure!(answer.status == 200, "what came before: {} {}", answer.status, answer.text());
        }
        let before = self.state(&path)?;
        let answer = self.patch(&path, &names.filled(&json!(operations))?)?;
        check(&answer, case.status, case.kind.as_deref())?;
        let after = self.state(&path)?;
        let mut expected = before;
        for (key, value) in case.after_on.get(on).unwrap_or(&case.after) {
            let value = names.filled(value)?;
            if value.is_null() {
                expected.remove(key)
            } else {
                expected.insert(key.clone(), value)
            };
        }
        ensure!(after == expected, "{} instead of {}", json!(after), json!(expected));
        if case.status == 200 {
            let answered = state(answer.json()?)?;
            ensure!(answered == after, "answered {}, and then {}", json!(answered), json!(after));
        }
        Ok(())
    }

    fn create(&self, case: &Creation, body: &Value) -> Result<()> {
        let names = Names::new(&self.people);
        for beside in &case.beside {
            create(&self.world, &case.endpoint, &names.filled(beside)?)?;
        }
        let path = format!("/{}", case.endpoint);
        let answer = self.world.scim(Method::POST, &path, Some(&names.filled(body)?))?;
        check(&answer, case.status, case.kind.as_deref())?;
        if case.status != 201 {
            return Ok(());
        }
        let own = format!("{path}/{}", id(&answer)?);
        ensure!(answer.header("location").ends_with(&format!("/scim/v2{own}")), "no location");
        let after = self.state(&own)?;
        ensure!(state(answer.json()?)? == after, "answered {}, and then {}", answer.text(), json!(after));
        has(&after, &case.resource, &names)
    }

    fn read(&self, case: &Read, path: &str, names: &Names) -> Result<()> {
        let path = names.fill(path);
        // What was tested would be another address: `hostile.rs` has those that go out as they are.
        ensure!(!path.contains(['"', '<', '>', '\'', ' ']), "the client would encode it on the way");
        let answer = self.world.scim(Method::GET, &path, None)?;
        check(&answer, case.status, case.kind.as_deref())?;
        let body = answer.json()?;
        let found = match case.total {
            _ if case.status != 200 => return Ok(()),
            None => body,
            Some(total) => {
                ensure!(body["totalResults"] == total, "{body}");
                for key in ["schemas", "startIndex", "itemsPerPage", "Resources"] {
                    ensure!(body.get(key).is_some_and(|value| !value.is_null()), "no {key}: {body}");
                }
                body["Resources"].get(0).cloned().unwrap_or_else(|| json!({}))
            }
        };
        let Value::Object(mut found) = found else { bail!("no resource: {found}") };
        if let Some(members) = found.get_mut("members") {
            *members = ids(members)?;
        }
        has(&found, &case.resource, names)
    }

    fn patch(&self, path: &str, operations: &Value) -> Result<Answer> {
        let body = json!({ "schemas": [PATCH_OP], "Operations": operations });
        self.world.scim(Method::PATCH, path, Some(&body))
    }

    fn state(&self, path: &str) -> Result<Map<String, Value>> {
        state(super::read(&self.world, path)?)
    }
}

/// What a case is about: without `meta`, which moves, and `schemas`, which follow; members as their ids.
fn state(resource: Value) -> Result<Map<String, Value>> {
    let Value::Object(mut resource) = resource else { bail!("no resource: {resource}") };
    resource.remove("meta");
    resource.remove("schemas");
    if let Some(members) = resource.get_mut("members") {
        *members = ids(members)?;
    }
    Ok(resource)
}

fn ids(members: &Value) -> Result<Value> {
    let members = members.as_array().context("members are no list")?;
    let mut ids: Vec<_> = members.iter().map(|member| member["value"].clone()).collect();
    ids.sort_by_key(Value::to_string);
    Ok(Value::Array(ids))
}

fn has(found: &Map<String, Value>, expected: &Map<String, Value>, names: &Names) -> Result<()> {
    for (key, value) in expected {
        let value = Some(names.filled(value)?).filter(|value| !value.is_null());
        ensure!(found.get(key) == value.as_ref(), "{key} is {:?} instead of {value:?}", found.get(key));
    }
    Ok(())
}

fn check(answer: &Answer, status: u16, kind: Option<&str>) -> Result<()> {
    ensure!(answer.status == status, "{} instead of {status}: {}", answer.status, answer.text());
    ensure!(answer.header("content-type") == "application/scim+json", "{}", answer.header("content-type"));
    if status >= 400 {
        let error = answer.json()?;
        ensure!(
            error["status"].as_str() == Some(&status.to_string()),
            "the status is no string of {status}: {error}"
        );
        ensure!(error["scimType"].as_str() == kind, "the wrong scimType: {error}");
    }
    Ok(())
}
