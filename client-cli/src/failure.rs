use std::error::Error;
use std::fmt;

/// Why a command did not do what was asked, and what to run next. Shown in two lines by `ui`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    what: String,
    run: String,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>, run: impl Into<String>) -> Self {
        Self { what: what.into(), run: run.into() }
    }

    /// `what` and why, down to the cause.
    pub(crate) fn because(what: impl fmt::Display, source: &dyn Error, run: impl Into<String>) -> Self {
        Self::new(format!("{what}: {}", chain(source)), run)
    }

    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    pub(crate) fn run(&self) -> &str {
        &self.run
    }
}

/// An error and its sources, each said once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot write")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn the_cause_is_said_once() {
        let inner = std::io::Error::other("disk full");
        assert_eq!(chain(&Outer(inner)), "cannot write: disk full");
    }
}
