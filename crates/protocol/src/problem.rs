use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $status:literal;)*) => {
        /// Why a request was refused: stable, for programs to read. The status belongs to the code.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Deserialize, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ProblemCode {
            $($(#[$doc])* $variant,)*
            /// A code of a later version.
            #[serde(other)]
            Unknown,
        }

        impl ProblemCode {
            /// All codes that this version sends.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* Self::Unknown => "unknown" }
            }

            /// The HTTP status that goes with the code.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* Self::Unknown => 500 }
            }
        }
    };
}

codes! {
    KeyNotPlain = "key_not_plain", 400;
    LifetimeOutOfPolicy = "lifetime_out_of_policy", 400;
    Malformed = "malformed", 400;
    ClockSkew = "clock_skew", 401;
    SessionEnded = "session_ended", 401;
    TokenExpired = "token_expired", 401;
    /// Signature, algorithm, key or a missing claim.
    TokenInvalid = "token_invalid", 401;
    TokenReplayed = "token_replayed", 401;
    TokenTooOld = "token_too_old", 401;
    Unauthorized = "unauthorized", 401;
    WrongAudience = "wrong_audience", 401;
    WrongIssuer = "wrong_issuer", 401;
    WrongNonce = "wrong_nonce", 401;
    WrongSignature = "wrong_signature", 401;
    WrongTenant = "wrong_tenant", 401;
    DeviceLoginOff = "device_login_off", 403;
    GuestRefused = "guest_refused", 403;
    NameConflict = "name_conflict", 403;
    NoGrant = "no_grant", 403;
    /// Not in the directory, or deleted from it.
    NotProvisioned = "not_provisioned", 403;
    Suspended = "suspended", 403;
    WrongPerson = "wrong_person", 403;
    NotFound = "not_found", 404;
    MethodNotAllowed = "method_not_allowed", 405;
    /// The body did not arrive in time.
    TooSlow = "too_slow", 408;
    Conflict = "conflict", 409;
    TooLarge = "too_large", 413;
    TooMany = "too_many", 429;
    Internal = "internal", 500;
    IssuerUnreachable = "issuer_unreachable", 503;
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The body of every refusal: `application/problem+json` (RFC 9457) with a stable `code`.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Problem {
    pub status: u16,
    pub code: ProblemCode,
    /// One sentence: what is wrong and what to do next.
    pub detail: String,
    /// What to quote to an administrator; the same id stands in the audit and the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The server's time, with `clock_skew`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_time: Option<Timestamp>,
}

impl Problem {
    /// The media type of RFC 9457.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { status: code.status(), code, detail: detail.into(), request: None, server_time: None }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)?;
        match &self.request {
            Some(request) => write!(f, " [request {request}]"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_code_is_its_json() {
        for code in ProblemCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!((400..600).contains(&code.status()));
        }
    }

    #[test]
    fn a_code_of_a_later_version_is_no_error() {
        let problem: Problem =
            serde_json::from_str(r#"{"status":418,"code":"teapot","detail":"short and stout"}"#).unwrap();
        assert_eq!(problem.code, ProblemCode::Unknown);
    }
}
