use std::fmt;
use std::io;

use openidconnect::{ErrorResponse, RequestTokenError, StandardErrorResponse};

use crate::HttpError;

use super::advice::advice;

/// Longest text of an issuer that is repeated to a person.
const LONGEST_DESCRIPTION: usize = 600;

/// Why nobody is signed in. Each sentence can be shown to a person; [`LoginError::advice`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error("the issuer's answer makes no sense: {0}")]
    BadReply(&'static str),
    #[error("the sign-in was declined")]
    Declined,
    #[error("nobody entered the code in time")]
    Expired,
    #[error("the issuer cannot be reached")]
    Http(#[source] HttpError),
    #[error("no port of 127.0.0.1 can be opened for the browser's answer")]
    Listen(#[source] io::Error),
    #[error("the issuer does not offer {0}")]
    NotOffered(&'static str),
    #[error("this is not the address the browser ended on; it begins with {expected}")]
    NotTheAddress { expected: String },
    #[error("the answer belongs to another sign-in than this one")]
    OtherSignIn,
    #[error("{0}")]
    Refused(ProviderError),
    #[error("the browser did not come back in time")]
    TimedOut,
    #[error("the answer comes from another issuer: {found}")]
    WrongIssuer { found: String },
}

impl LoginError {
    /// What to do next, in one sentence without a full stop.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::BadReply(_) | Self::NotOffered(_) => {
                "ask your administrator whether the issuer is configured right"
            }
            Self::Declined => "sign in again, and accept only what you started yourself",
            Self::Expired | Self::TimedOut => "start the sign-in again",
            Self::Http(_) => "check the network, the proxy and the trusted root certificates, then try again",
            Self::Listen(_) => "free some ports, or sign in with a device code where that is allowed",
            Self::NotTheAddress { .. } => "copy the whole address from the browser's address bar",
            Self::OtherSignIn => "use the address that belongs to the link printed last",
            Self::Refused(error) => error.advice(),
            Self::WrongIssuer { .. } => "do not continue; tell your administrator",
        }
    }

    /// Sorts a refusal by its OAuth code; the number is only for the sentence (Entra: it may change).
    pub(super) fn from_provider(error: ProviderError) -> Self {
        match error.error.as_str() {
            // Entra says the second one in device logins (not RFC 8628's), and adds a number when policy decided.
            "access_denied" | "authorization_declined" if error.is_a_persons_no() => Self::Declined,
            "expired_token" => Self::Expired,
            _ => Self::Refused(error),
        }
    }

    /// The body that the library may hand over is dropped: it can hold tokens.
    pub(super) fn from_token_request<T>(error: RequestTokenError<HttpError, StandardErrorResponse<T>>) -> Self
    where
        T: openidconnect::ErrorResponseType + fmt::Display + 'static,
        StandardErrorResponse<T>: ErrorResponse,
    {
        match error {
            RequestTokenError::Request(error) => Self::Http(error),
            RequestTokenError::ServerResponse(reply) => Self::from_provider(ProviderError::new(
                &reply.error().to_string(),
                reply.error_description().map(String::as_str),
            )),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                Self::BadReply("it is neither tokens nor an OAuth error")
            }
        }
    }
}

/// A refusal in the issuer's own words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProviderError {
    error: String,
    description: Option<String>,
    code: Option<u32>,
}

impl ProviderError {
    pub(super) fn new(error: &str, description: Option<&str>) -> Self {
        let description = description.map(printable);
        let code = description.as_deref().and_then(aadsts);
        Self { error: printable(error), description, code }
    }

    /// OAuth's code, such as `invalid_grant`.
    #[must_use]
    pub fn error(&self) -> &str {
        &self.error
    }

    /// Fit for a terminal: no control characters, not too long.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The number after `AADSTS`, for an administrator to look up.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        self.code
    }

    /// What to do next, in one sentence without a full stop.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        self.code.and_then(advice).map_or("show this to your administrator", |(_, next)| next)
    }

    /// 65004 is Entra's number for a person who declined to consent.
    fn is_a_persons_no(&self) -> bool {
        self.code.is_none_or(|code| code == 65004)
    }
}

impl fmt::Display for ProviderError {
    /// Our own sentence for a known number, and always the issuer's words: its trace id is what support asks for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code.and_then(advice) {
            Some((sentence, _)) => f.write_str(sentence)?,
            None => f.write_str("the issuer refused the sign-in")?,
        }
        match &self.description {
            Some(description) => write!(f, " ({}: {description})", self.error),
            None => write!(f, " ({})", self.error),
        }
    }
}

/// A text from outside that a terminal can show without being told what to do.
pub(super) fn printable(text: &str) -> String {
    let cut = text.chars().take(LONGEST_DESCRIPTION);
    let plain: String = cut.map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn aadsts(description: &str) -> Option<u32> {
    let (_, rest) = description.split_once("AADSTS")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_kept_and_the_sentence_is_ours() {
        let error = ProviderError::new(
            "invalid_grant",
            Some("AADSTS53003: Access has been blocked.\r\nTrace ID: 0a1b\r\nTimestamp: 2026-11-21"),
        );
        assert_eq!(error.code(), Some(53003));
        let text = error.to_string();
        assert!(text.contains("AADSTS53003") && text.contains("Trace ID: 0a1b"), "{text}");
        assert!(text.starts_with(advice(53003).unwrap().0), "{text}");
        assert_eq!(error.advice(), advice(53003).unwrap().1);
    }

    #[test]
    fn a_number_nobody_knows_still_has_advice() {
        for description in
            [None, Some("no number"), Some("AADSTS"), Some("AADSTS99999999999999: x"), Some("AADSTS1")]
        {
            let error = ProviderError::new("server_error", description);
            assert!(error.to_string().contains("server_error"));
            assert_eq!(error.advice(), "show this to your administrator");
        }
    }

    #[test]
    fn a_terminal_is_not_taken_over() {
        let error = ProviderError::new("x\u{1b}[2J", Some("a\u{1b}]0;owned\u{7}\u{9b}31m\nb"));
        assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
        let long = ProviderError::new("x", Some(&"é".repeat(5000)));
        assert!(long.description().unwrap().chars().count() <= LONGEST_DESCRIPTION);
    }

    #[test]
    fn refusals_are_sorted_by_their_code() {
        let sort = |error, description| LoginError::from_provider(ProviderError::new(error, description));
        assert!(matches!(sort("authorization_declined", None), LoginError::Declined));
        assert!(matches!(sort("access_denied", Some("AADSTS65004: declined")), LoginError::Declined));
        let policy = sort("access_denied", Some("AADSTS50105: not assigned"));
        assert!(matches!(policy, LoginError::Refused(_)), "{policy:?}");
        assert!(matches!(sort("expired_token", Some("AADSTS70020")), LoginError::Expired));
        assert!(matches!(sort("invalid_grant", None), LoginError::Refused(_)));
    }
}
