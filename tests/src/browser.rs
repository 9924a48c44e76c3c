//! A person at a browser, as far as sign-in pages need one: redirects, cookies and forms.

mod html;
mod jar;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Method, StatusCode};
use tokio::runtime::Runtime;
use url::Url;

pub use self::html::Form;
use self::jar::Jar;

/// Redirects, and pages of one sign-in, that a person would put up with.
const PATIENCE: usize = 12;

/// A browser with an empty cookie jar. It blocks: from asynchronous code, call it in `spawn_blocking`.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    deliver: bool,
    jar: Jar,
    runtime: Runtime,
}

/// Where the browser ended, and what it shows.
#[derive(Clone, Debug)]
pub struct Page {
    pub body: String,
    /// `None` when the browser was told not to go there, see [`Browser::keep_callbacks`].
    pub status: Option<StatusCode>,
    pub url: Url,
}

/// Who signs in, and with what. `code` is a device's user code.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    pub code: Option<&'a str>,
    pub login: &'a str,
    pub password: &'a str,
}

impl Browser {
    /// # Errors
    /// There is no TLS to be had.
    pub fn new() -> Result<Self> {
        Self::build(None)
    }

    /// A browser that trusts one root, in a PEM file, and no other.
    ///
    /// # Errors
    /// The file is no PEM certificate.
    pub fn trusting(root: &Path) -> Result<Self> {
        Self::build(Some(root))
    }

    fn build(root: Option<&Path>) -> Result<Self> {
        // A second call in this process finds the first one's choice, which is the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut client = Client::builder().no_proxy().redirect(Policy::none());
        if let Some(root) = root {
            let pem = fs::read(root).with_context(|| format!("cannot read {}", root.display()))?;
            client = client.add_root_certificate(Certificate::from_pem(&pem)?);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { client: client.build()?, deliver: true, jar: Jar::default(), runtime })
    }

    /// Stops before a redirect to `http://localhost`, as where nobody listens on that port and a person copies
    /// the address instead.
    #[must_use]
    pub fn keep_callbacks(mut self) -> Self {
        self.deliver = false;
        self
    }

    /// Opens an address and follows its redirects.
    ///
    /// # Errors
    /// Nobody answers, or the redirects do not end.
    pub fn open(&mut self, url: &str) -> Result<Page> {
        let url = Url::parse(url).with_context(|| format!("no address: {url}"))?;
        self.visit(Method::GET, url, None)
    }

    /// Sends a form of a page.
    ///
    /// # Errors
    /// As [`Browser::open`].
    pub fn submit(&mut self, page: &Page, form: &Form) -> Result<Page> {
        let url = page.url.join(&form.action)?;
        self.visit(form.method.clone(), url, Some(form.encode()))
    }

    /// Opens an address and goes through all pages of a sign-in: name, password, device code, consent. Ends
    /// at the callback's answer, or at the first page that asks for nothing.
    ///
    /// # Errors
    /// A page asks again for what it was told, or for what `person` does not have.
    pub fn sign_in(&mut self, url: &str, person: Person<'_>) -> Result<Page> {
        let mut page = self.open(url)?;
        let mut told: Vec<String> = Vec::new();
        for _ in 0..PATIENCE {
            if is_callback(&page.url) {
                return Ok(page);
            }
            let Some(mut form) = page.form() else { return Ok(page) };
            for field in person.fill(&mut form)? {
                if told.contains(&field) {
                    bail!("the sign-in page asks for {field} again: {}", page.text());
                }
                told.push(field);
            }
            page = self.submit(&page, &form)?;
        }
        bail!("the sign-in does not end: {} shows {}", page.url, page.text())
    }

    fn visit(&mut self, mut method: Method, mut url: Url, mut body: Option<String>) -> Result<Page> {
        for _ in 0..PATIENCE {
            if is_callback(&url) && !self.deliver {
                return Ok(Page { body: String::new(), status: None, url });
            }
            if let Some(query) = body.as_ref().filter(|_| method == Method::GET) {
                url.set_query(Some(query));
                body = None;
            }
            let (page, location) = self.fetch(method, url, body.take())?;
            let Some(location) = location else { return Ok(page) };
            // 303 by the book, 302 by custom: both become GET.
            (method, url) = (Method::GET, page.url.join(&location)?);
        }
        bail!("redirected more than {PATIENCE} times, at last to {url}")
    }

    fn fetch(&mut self, method: Method, url: Url, body: Option<String>) -> Result<(Page, Option<String>)> {
        let mut request = self.client.request(method, url.clone());
        if let Some(cookies) = self.jar.header(&url) {
            request = request.header(COOKIE, cookies);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        }
        let answer = self.runtime.block_on(async {
            let response = request.send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, response.text().await?))
        });
        let (status, headers, body) = answer.with_context(|| format!("cannot open {url}"))?;
        for cookie in headers.get_all(SET_COOKIE) {
            self.jar.set(&url, cookie.to_str()?);
        }
        let location = headers.get(LOCATION).filter(|_| status.is_redirection());
        let location = location.map(|value| value.to_str().map(str::to_owned)).transpose()?;
        Ok((Page { body, status: Some(status), url }, location))
    }
}

impl Page {
    /// The first form on the page.
    #[must_use]
    pub fn form(&self) -> Option<Form> {
        Form::first(&self.body)
    }

    /// What a person reads on the page.
    #[must_use]
    pub fn text(&self) -> String {
        html::text(&self.body)
    }

    /// A parameter of the page's address: `code`, `state`, `error`.
    ///
    /// # Errors
    /// The address has none of that name.
    pub fn parameter(&self, name: &str) -> Result<String> {
        self.url
            .query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .ok_or_else(|| anyhow!("no {name} in {}; the page says: {}", self.url, self.text()))
    }
}

impl<'a> Person<'a> {
    #[must_use]
    pub fn new(login: &'a str, password: &'a str) -> Self {
        Self { code: None, login, password }
    }

    /// The same person, to approve a device that shows this code.
    #[must_use]
    pub fn with_code(self, code: &'a str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// Fills in what the form asks for, and says which fields that were. Entra's names, then oidc-provider's.
    fn fill(self, form: &mut Form) -> Result<Vec<String>> {
        let mut filled = Vec::new();
        for name in form.asks_for() {
            let value = match name.as_str() {
                "loginfmt" | "login" => self.login,
                "passwd" | "password" => self.password,
                "otc" | "user_code" => self.code.context("the page asks for a device code")?,
                _ => continue,
            };
            form.set(&name, value);
            filled.push(name);
        }
        Ok(filled)
    }
}

/// The address that a native program listens on during its login.
fn is_callback(url: &Url) -> bool {
    url.scheme() == "http" && url.host_str() == Some("localhost")
}
