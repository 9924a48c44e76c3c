use std::fmt;

use openidconnect::AuthorizationCode;
use url::{Url, form_urlencoded};

use super::error::printable;
use super::{LoginError, ProviderError};

/// A code that belongs to this sign-in. Does not print.
pub struct Callback(pub(super) AuthorizationCode);

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Callback").finish_non_exhaustive()
    }
}

/// What an answer must bear to be the one we wait for.
pub(super) struct Expected {
    pub(super) state: String,
    pub(super) issuer: String,
    pub(super) port: u16,
}

/// What a query string turned out to be.
#[derive(Debug)]
pub(super) enum Reading {
    /// It bears our `state`: the sign-in ends here, well or badly.
    Ours(Result<Callback, LoginError>),
    /// Anybody may send such a thing to our port; it changes nothing.
    Strange,
}

impl Expected {
    /// Reads the parameters of RFC 6749, section 4.1.2, and `iss` of RFC 9207.
    pub(super) fn read(&self, query: &str) -> Reading {
        let Some([state, code, error, description, issuer]) =
            once_each(query, ["state", "code", "error", "error_description", "iss"])
        else {
            return Reading::Strange;
        };
        if state.is_none_or(|state| state != self.state) {
            return Reading::Strange;
        }
        if let Some(found) = issuer.filter(|issuer| *issuer != self.issuer) {
            return Reading::Ours(Err(LoginError::WrongIssuer { found: printable(&found) }));
        }
        match (error, code) {
            (Some(error), _) => {
                let refusal = ProviderError::new(&error, description.as_deref());
                Reading::Ours(Err(LoginError::from_provider(refusal)))
            }
            (None, Some(code)) if !code.is_empty() => {
                Reading::Ours(Ok(Callback(AuthorizationCode::new(code))))
            }
            (None, _) => Reading::Ours(Err(LoginError::BadReply("it has neither a code nor an error"))),
        }
    }

    /// Reads an address that a person copied from the browser: white space around and inside it is forgiven, and
    /// so is a missing `http://`.
    pub(super) fn read_pasted(&self, text: &str) -> Result<Callback, LoginError> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let text = text.trim_matches(['"', '\'', '<', '>']);
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let not_ours = || LoginError::NotTheAddress { expected: format!("http://localhost:{}/", self.port) };
        let url = Url::parse(&whole).map_err(|_| not_ours())?;
        let ours = url.scheme() == "http"
            && url.host_str() == Some("localhost")
            && url.port_or_known_default() == Some(self.port)
            && url.path() == "/";
        match url.query() {
            Some(query) if ours => match self.read(query) {
                Reading::Ours(outcome) => outcome,
                Reading::Strange => Err(LoginError::OtherSignIn),
            },
            _ => Err(not_ours()),
        }
    }
}

/// The values of these parameters; nothing when one comes twice (RFC 6749, section 3.1 forbids it).
fn once_each<const N: usize>(query: &str, names: [&str; N]) -> Option<[Option<String>; N]> {
    let mut values = [const { None }; N];
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let Some(place) = names.iter().position(|known| *known == name) else { continue };
        if values[place].replace(value.into_owned()).is_some() {
            return None;
        }
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://login.contoso.test/v2.0";

    fn expected() -> Expected {
        Expected { state: "s-1".to_owned(), issuer: ISSUER.to_owned(), port: 53682 }
    }

    fn code(outcome: Result<Callback, LoginError>) -> String {
        outcome.unwrap().0.secret().clone()
    }

    fn strange(query: &str) -> bool {
        matches!(expected().read(query), Reading::Strange)
    }

    #[test]
    fn a_code_with_our_state_is_taken() {
        for query in [
            "code=c%2F1&state=s-1",
            "state=s-1&code=c%2F1&session_state=x",
            "code=c%2F1&state=s-1&iss=https%3A%2F%2Flogin.contoso.test%2Fv2.0",
        ] {
            let Reading::Ours(outcome) = expected().read(query) else { panic!("{query}") };
            assert_eq!(code(outcome), "c/1");
        }
    }

    #[test]
    fn what_does_not_bear_our_state_changes_nothing() {
        for query in [
            "",
            "code=c",
            "code=c&state=",
            "code=c&state=s-2",
            "error=access_denied",
            "error=access_denied&state=s-2",
            "code=c&state=s-1&state=s-1",
            "code=c&code=d&state=s-1",
            "code=c&state=s-2&state=s-1",
        ] {
            assert!(strange(query), "{query}");
        }
    }

    #[test]
    fn a_mixed_up_issuer_ends_the_sign_in() {
        let reading = expected().read("code=c&state=s-1&iss=https://login.evil.test/");
        assert!(matches!(reading, Reading::Ours(Err(LoginError::WrongIssuer { .. }))), "{reading:?}");
    }

    #[test]
    fn a_refusal_is_told() {
        let reading =
            expected().read("error=access_denied&error_description=AADSTS50105%3A+not+assigned&state=s-1");
        let Reading::Ours(Err(LoginError::Refused(error))) = reading else { panic!("{reading:?}") };
        assert_eq!(error.code(), Some(50105));
        let reading = expected().read("error=access_denied&state=s-1");
        assert!(matches!(reading, Reading::Ours(Err(LoginError::Declined))), "{reading:?}");
        let empty = expected().read("state=s-1&code=");
        assert!(matches!(empty, Reading::Ours(Err(LoginError::BadReply(_)))), "{empty:?}");
    }

    #[test]
    fn a_pasted_address_is_read_with_patience() {
        for text in [
            "http://localhost:53682/?code=c1&state=s-1",
            "http://localhost:53682?code=c1&state=s-1",
            "  \"http://localhost:53682/?code=c1&state=s-1\"\n",
            "localhost:53682/?code=c1&state=s-1",
            "http://localhost:53682/?code=c1&st\n   ate=s-1#",
        ] {
            assert_eq!(code(expected().read_pasted(text)), "c1", "{text}");
        }
    }

    #[test]
    fn another_address_is_not_ours() {
        for text in [
            "",
            "http://localhost:53682/",
            "http://localhost:53683/?code=c1&state=s-1",
            "https://localhost:53682/?code=c1&state=s-1",
            "http://localhost.evil.test:53682/?code=c1&state=s-1",
            "https://login.contoso.test/authorize?state=s-1",
            "http://localhost:53682/elsewhere?code=c1&state=s-1",
        ] {
            let outcome = expected().read_pasted(text);
            assert!(matches!(outcome, Err(LoginError::NotTheAddress { .. })), "{text}: {outcome:?}");
        }
        let old = expected().read_pasted("http://localhost:53682/?code=c1&state=s-0");
        assert!(matches!(old, Err(LoginError::OtherSignIn)), "{old:?}");
    }

    #[test]
    fn a_code_does_not_print() {
        let outcome = expected().read_pasted("http://localhost:53682/?code=secret-code&state=s-1");
        assert!(!format!("{outcome:?}").contains("secret-code"));
    }
}
