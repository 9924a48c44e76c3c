//! The other end of the control API, for commands and tests in another process.

use reqwest::{Client, Method};
use serde_json::Value;
use url::Url;

use crate::provision::Job;
use crate::tenant::Tenant;
use crate::trust::chain;

/// Talks to `/_sim` of a running simulator.
#[derive(Clone, Debug)]
pub struct ControlClient {
    client: Client,
    base: Url,
}

/// The simulator did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error(
        "no answer from the simulator at {url}: {cause}\n  run: entra-sim serve, and give its address as --sim"
    )]
    NoAnswer { url: String, cause: String },
    #[error("the simulator refuses: {0}")]
    Refused(String),
    #[error("{0} does not answer like a simulator: check --sim")]
    NotASimulator(String),
}

impl ControlClient {
    /// `base` is the simulator's address, or its issuer: the path does not count.
    #[must_use]
    pub fn new(client: Client, base: Url) -> Self {
        Self { client, base }
    }

    /// # Errors
    /// When the simulator does not answer or refuses.
    pub async fn directory(&self) -> Result<Tenant, ControlError> {
        let directory = self.call(Method::GET, &["directory"], &[], None).await?;
        self.parse(directory)
    }

    pub(crate) async fn job(&self, scim_url: &str) -> Result<Job, ControlError> {
        let job = self.call(Method::GET, &["jobs"], &[("scim_url", scim_url)], None).await?;
        self.parse(job)
    }

    pub(crate) async fn save_job(&self, scim_url: &str, job: &Job) -> Result<(), ControlError> {
        let body = serde_json::json!(job);
        self.call(Method::PUT, &["jobs"], &[("scim_url", scim_url)], Some(&body)).await.map(drop)
    }

    /// Calls `/_sim/{path}`, whose segments are encoded here.
    ///
    /// # Errors
    /// When the simulator does not answer or refuses.
    pub async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, ControlError> {
        let mut url = self.base.clone();
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().push("_sim").extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let no_answer = |error: reqwest::Error| ControlError::NoAnswer {
            url: self.base.to_string(),
            cause: chain(&error),
        };
        let response = request.send().await.map_err(no_answer)?;
        let good = response.status().is_success();
        let text = response.text().await.map_err(no_answer)?;
        let answer: Option<Value> = serde_json::from_str(&text).ok();
        match answer {
            Some(answer) if good => Ok(answer),
            Some(answer) if answer["error"].is_string() => {
                Err(ControlError::Refused(answer["error"].as_str().unwrap_or_default().to_owned()))
            }
            _ => Err(ControlError::NotASimulator(self.base.to_string())),
        }
    }

    fn parse<T: serde::de::DeserializeOwned>(&self, value: Value) -> Result<T, ControlError> {
        serde_json::from_value(value).map_err(|_| ControlError::NotASimulator(self.base.to_string()))
    }
}
