//! For each thing that can go wrong at the CA: what to run next.

use sallyport_client::ClientError;
use sallyport_protocol::{Problem, ProblemCode};

use crate::failure::{Failure, chain};

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let run = match &error {
            ClientError::Problem(problem) => for_problem(problem),
            ClientError::NotTrusted { .. } => {
                "sallyport login --ca URL --ca-fingerprint SHA256:…, with both from your administrator".into()
            }
            ClientError::Unreachable { url, .. } => format!("curl -v {url}, to see where the way ends"),
            ClientError::Version { .. } => "sallyport --version, and install a matching one".into(),
            ClientError::TrustRoots(_) => {
                "echo $SSL_CERT_FILE, which must name a PEM file, or unset it".into()
            }
            ClientError::AdminSocket { .. }
            | ClientError::NotAnId { .. }
            | ClientError::Protocol { .. }
            | ClientError::Sign(_)
            | ClientError::TooLarge { .. } => {
                "sallyport login --ca URL, with your administrator's address".into()
            }
        };
        Self::new(chain(&error), run)
    }
}

fn for_problem(problem: &Problem) -> String {
    let quoting =
        problem.request.as_ref().map_or(String::new(), |request| format!(", quoting request {request}"));
    let tell = || format!("tell your administrator{quoting}");
    match problem.code {
        ProblemCode::ClockSkew | ProblemCode::TokenExpired | ProblemCode::TokenTooOld => {
            "date, to check this machine's clock; then sallyport login again".into()
        }
        ProblemCode::SessionEnded
        | ProblemCode::TokenReplayed
        | ProblemCode::Unauthorized
        | ProblemCode::WrongNonce
        | ProblemCode::WrongSignature => "sallyport login --force".into(),
        ProblemCode::DeviceLoginOff => "sallyport login --no-browser".into(),
        ProblemCode::LifetimeOutOfPolicy => "sallyport login without --ttl, or with a shorter one".into(),
        ProblemCode::WrongPerson => {
            "sallyport login with the address of the person who signs in; or sign out in the browser first"
                .into()
        }
        ProblemCode::IssuerUnreachable | ProblemCode::TooMany | ProblemCode::TooSlow => {
            "sallyport login again in a minute".into()
        }
        ProblemCode::GuestRefused | ProblemCode::WrongTenant => {
            "sallyport login with an account of the tenant itself".into()
        }
        ProblemCode::NoGrant => format!("ask your administrator for a group that has access{quoting}"),
        ProblemCode::NotProvisioned => {
            format!(
                "sallyport login again in an hour, when Entra has sent its changes (every 40 minutes); or {}",
                tell()
            )
        }
        ProblemCode::Conflict
        | ProblemCode::Internal
        | ProblemCode::KeyNotPlain
        | ProblemCode::Malformed
        | ProblemCode::MethodNotAllowed
        | ProblemCode::NameConflict
        | ProblemCode::NotFound
        | ProblemCode::Suspended
        | ProblemCode::TokenInvalid
        | ProblemCode::TooLarge
        | ProblemCode::Unknown
        | ProblemCode::WrongAudience
        | ProblemCode::WrongIssuer => tell(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn every_code_has_its_advice() {
        let mut catalogue = String::new();
        for code in ProblemCode::ALL {
            let mut problem = Problem::new(*code, "what is wrong");
            problem.request = Some("01J8".into());
            let failure = Failure::from(ClientError::Problem(Box::new(problem)));
            assert!(failure.what().contains(code.as_str()), "{failure:?}");
            writeln!(catalogue, "{code}\n  error: {}\n  run: {}", failure.what(), failure.run()).unwrap();
        }
        assert_eq!(catalogue, include_str!("advice.snapshot"));
    }
}
