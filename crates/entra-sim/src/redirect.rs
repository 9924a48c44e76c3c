//! Redirect URIs: which are registered, and how an answer travels back on them.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use url::{Url, form_urlencoded};

use crate::errors::Refusal;
use crate::pages;

/// How the answer travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    #[default]
    Query,
    Fragment,
    FormPost,
}

impl ResponseMode {
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, Refusal> {
        match text {
            None | Some("query") => Ok(Self::Query),
            Some("fragment") => Ok(Self::Fragment),
            Some("form_post") => Ok(Self::FormPost),
            Some(_) => Err(Refusal::BadRequest("response_mode is none of query, fragment and form_post")),
        }
    }
}

/// Is `asked` one of the registered URIs? On localhost the port does not count; path and its case do.
pub(crate) fn registered(uris: &[String], asked: &str) -> bool {
    let Ok(asked) = Url::parse(asked) else { return false };
    asked.fragment().is_none()
        && uris.iter().filter_map(|uri| Url::parse(uri).ok()).any(|uri| same(&uri, &asked))
}

fn same(uri: &Url, asked: &Url) -> bool {
    let local = matches!(uri.host_str(), Some("localhost" | "127.0.0.1"));
    let port_matches =
        (local && uri.scheme() == "http") || uri.port_or_known_default() == asked.port_or_known_default();
    uri.scheme() == asked.scheme()
        && uri.host_str() == asked.host_str()
        && port_matches
        && uri.path() == asked.path()
        && uri.query() == asked.query()
        && asked.username().is_empty()
        && asked.password().is_none()
}

/// Sends the browser back with `answer`. A URI without a path goes back with a trailing slash,
/// except in a form post.
pub(crate) fn send(redirect_uri: &str, mode: ResponseMode, answer: &[(&str, String)]) -> Response {
    let Ok(mut url) = Url::parse(redirect_uri) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match mode {
        ResponseMode::Query => {
            url.query_pairs_mut().extend_pairs(answer);
        }
        ResponseMode::Fragment => {
            let pairs = form_urlencoded::Serializer::new(String::new()).extend_pairs(answer).finish();
            url.set_fragment(Some(&pairs));
        }
        ResponseMode::FormPost => {
            return ([(header::CACHE_CONTROL, "no-store")], Html(pages::form_post(redirect_uri, answer)))
                .into_response();
        }
    }
    (
        StatusCode::FOUND,
        [(header::LOCATION, String::from(url)), (header::CACHE_CONTROL, "no-store".to_owned())],
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_port_of_localhost_and_no_other_path_scheme_or_host() {
        let uris = ["http://localhost".to_owned(), "https://app.contoso.test/cb".to_owned()];
        for good in [
            "http://localhost",
            "http://localhost:53682",
            "http://localhost:53682/",
            "https://app.contoso.test/cb",
        ] {
            assert!(registered(&uris, good), "{good}");
        }
        for bad in [
            "http://localhost:53682/callback",
            "https://localhost:53682",
            "http://127.0.0.1:53682",
            "http://[::1]:53682",
            "http://localhost.evil.test",
            "http://localhost@evil.test",
            "http://user@localhost:1",
            "http://localhost:1/#x",
            "https://app.contoso.test:8443/cb",
            "https://app.contoso.test/CB",
            "not a url",
        ] {
            assert!(!registered(&uris, bad), "{bad}");
        }
    }

    #[test]
    fn a_pathless_address_comes_back_with_a_slash() {
        let answer = [("code", "c".to_owned()), ("state", "a b&c".to_owned())];
        let location = |mode| {
            let reply = send("http://localhost:7071", mode, &answer);
            reply.headers()[header::LOCATION].to_str().unwrap().to_owned()
        };
        assert_eq!(location(ResponseMode::Query), "http://localhost:7071/?code=c&state=a+b%26c");
        assert_eq!(location(ResponseMode::Fragment), "http://localhost:7071/#code=c&state=a+b%26c");
    }
}
