//! The `scope` parameter.

/// Scopes asked for, in the order of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scopes(Vec<String>);

impl Scopes {
    pub(crate) fn parse(text: &str) -> Self {
        let mut scopes = Vec::new();
        for scope in text.split_whitespace() {
            if !scopes.iter().any(|seen| seen == scope) {
                scopes.push(scope.to_owned());
            }
        }
        Self(scopes)
    }

    pub(crate) fn has(&self, scope: &str) -> bool {
        self.0.iter().any(|one| one == scope)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a token response names: everything but `offline_access`, which shows as a refresh token.
    pub(crate) fn granted(&self) -> String {
        let named: Vec<&str> =
            self.0.iter().map(String::as_str).filter(|&one| one != "offline_access").collect();
        named.join(" ")
    }
}
