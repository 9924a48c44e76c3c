//! One member more, one member less: in a group of a few, and in one of a crowd.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::stage::Stage;

/// Turns of adding and removing that are timed, in the small group and the large one by turns.
const TURNS: usize = 300;
const FEW: usize = 10;
const MEMBERS_PER_PATCH: usize = 1_000;
/// The most that a list answers at once.
const PAGE: usize = 200;

/// What one member costs, shortest first.
#[derive(Default)]
pub(crate) struct Waits {
    pub(crate) add: Vec<Duration>,
    pub(crate) remove: Vec<Duration>,
}

pub(crate) struct Crowd {
    pub(crate) members: usize,
    /// The SCIM ids of the two groups, and of who joins and leaves them.
    pub(crate) small: String,
    pub(crate) group: String,
    pub(crate) newcomer: String,
    pub(crate) ungranted: Both,
}

/// What one member costs in the small group, and in the large one.
#[derive(Default)]
pub(crate) struct Both {
    pub(crate) few: Waits,
    pub(crate) many: Waits,
}

pub(crate) fn measure(stage: &Stage, members: usize) -> Result<Crowd> {
    let scim = Scim::new(stage)?;
    stage.runtime.block_on(async {
        let people = scim.people(members + 1).await?;
        let (newcomer, people) = people.split_last().context("nobody is there")?;
        let few = scim.group("few", people.get(..FEW).unwrap_or_default()).await?;
        let many = scim.group("many", people).await?;
        let (members, newcomer) = (people.len(), newcomer.clone());
        let ungranted = scim.one_member(&newcomer, [&few, &many]).await?;
        Ok(Crowd { members, small: few, group: many, newcomer, ungranted })
    })
}

pub(crate) struct Scim {
    client: Client,
    base: String,
    token: String,
}

impl Scim {
    pub(crate) fn new(stage: &Stage) -> Result<Self> {
        let client = sallyport_entra_sim::http_client(&[])?;
        Ok(Self { client, base: stage.scim(), token: stage.token().to_owned() })
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let mut request =
            self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("content-type", "application/scim+json").body(body.to_string());
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path}: {status}: {text}");
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// The SCIM ids of so many users.
    async fn people(&self, wanted: usize) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        while ids.len() < wanted {
            let path = format!("/Users?attributes=id&startIndex={}&count={PAGE}", ids.len() + 1);
            let page = self.call(Method::GET, &path, None).await?;
            let found = page.get("Resources").and_then(Value::as_array).cloned().unwrap_or_default();
            ensure!(!found.is_empty(), "only {} users are there", ids.len());
            ids.extend(found.iter().filter_map(|user| user.get("id")?.as_str().map(str::to_owned)));
        }
        ids.truncate(wanted);
        Ok(ids)
    }

    async fn group(&self, name: &str, members: &[String]) -> Result<String> {
        let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name });
        let group = self.call(Method::POST, "/Groups", Some(body)).await?;
        let id = group.get("id").and_then(Value::as_str).context("a group without an id")?.to_owned();
        for some in members.chunks(MEMBERS_PER_PATCH) {
            self.change(&id, "Add", some).await?;
        }
        Ok(id)
    }

    /// Has somebody join and leave the two groups by turns.
    pub(crate) async fn one_member(&self, newcomer: &String, groups: [&str; 2]) -> Result<Both> {
        let mut both = Both::default();
        let [few, many] = groups;
        for _ in 0..TURNS {
            for (group, waits) in [(few, &mut both.few), (many, &mut both.many)] {
                waits.add.push(self.change(group, "Add", std::slice::from_ref(newcomer)).await?);
                waits.remove.push(self.change(group, "Remove", std::slice::from_ref(newcomer)).await?);
            }
        }
        for waits in [&mut both.few, &mut both.many] {
            waits.add.sort_unstable();
            waits.remove.sort_unstable();
        }
        Ok(both)
    }

    pub(crate) async fn delete(&self, group: &str) -> Result<()> {
        self.call(Method::DELETE, &format!("/Groups/{group}"), None).await.map(drop)
    }

    pub(crate) async fn change(&self, group: &str, op: &str, members: &[String]) -> Result<Duration> {
        let value: Vec<_> = members.iter().map(|id| json!({ "$ref": null, "value": id })).collect();
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": op, "path": "members", "value": value }],
        });
        let sent = Instant::now();
        self.call(Method::PATCH, &format!("/Groups/{group}"), Some(body)).await?;
        Ok(sent.elapsed())
    }
}
