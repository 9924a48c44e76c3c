//! Form and query parameters.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, header};
use url::form_urlencoded;

use crate::errors::Refusal;

/// Parameters of one request. An empty value counts as absent (RFC 6749 section 3.1).
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// The parameters of the body first, then those of the query that the body does not repeat.
    pub(crate) fn read(query: Option<&str>, body: &[u8]) -> Result<Self, Refusal> {
        let mut params = unique(body)?;
        for (name, value) in unique(query.unwrap_or_default().as_bytes())?.0 {
            if params.get(&name).is_none() {
                params.0.push((name, value));
            }
        }
        Ok(params)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub(crate) fn need(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name).ok_or(Refusal::MissingParameter(name))
    }

    /// What a page must carry along: everything that is not in `except`.
    pub(crate) fn without<'a>(&'a self, except: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pairs = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(move |(name, _)| !except.contains(name))
    }
}

fn unique(text: &[u8]) -> Result<Params, Refusal> {
    let mut seen = BTreeSet::new();
    let pairs: Vec<(String, String)> = form_urlencoded::parse(text).into_owned().collect();
    match pairs.iter().find(|(name, _)| !seen.insert(name)) {
        Some((name, _)) => Err(Refusal::Duplicated(name.clone())),
        None => Ok(Params(pairs)),
    }
}

/// One cookie of the request.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_wins_and_a_repeated_name_is_refused() {
        let params = Params::read(Some("state=q&x=1"), b"state=b&passwd=").unwrap();
        assert_eq!(
            (params.get("state"), params.get("x"), params.get("passwd")),
            (Some("b"), Some("1"), None)
        );
        assert_eq!(Params::read(Some("a=1&a=2"), b"").unwrap_err(), Refusal::Duplicated("a".to_owned()));
    }
}
