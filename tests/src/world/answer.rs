use anyhow::{Context as _, Result, ensure};
use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use sallyport_protocol::Problem;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An HTTP answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub body: Vec<u8>,
    pub headers: HeaderMap,
    pub status: u16,
}

impl Answer {
    /// Sends a request.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn to(request: RequestBuilder) -> Result<Self> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { body: response.bytes().await?.to_vec(), headers, status })
    }

    /// Empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// # Errors
    /// The body is no JSON of that shape.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).with_context(|| format!("in an answer: {}", self.text()))
    }

    /// # Errors
    /// The body is no JSON.
    pub fn json(&self) -> Result<Value> {
        self.read()
    }

    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The refusal that this is: media type, status and code agree.
    ///
    /// # Errors
    /// It is none.
    pub fn problem(&self) -> Result<Problem> {
        let (status, media_type) = (self.status, self.header("content-type"));
        ensure!(media_type == Problem::MEDIA_TYPE, "{status} {media_type}: {}", self.text());
        let problem: Problem = self.read()?;
        ensure!(problem.status == status && problem.code.status() == status, "{status}: {problem:?}");
        ensure!(problem.request.is_some(), "a problem without its request's id: {problem:?}");
        Ok(problem)
    }
}
