//! What is wrong, or soon will be. Each check is a plain function from facts to findings: facts are read in one place,
//! so a check needs no store and no clock to be tried.

mod credentials;
mod facts;
mod hosts;
mod links;
mod names;
mod operations;
mod refused;
mod returned;
mod silence;
mod tls;

use sallyport_protocol::admin::{Finding, Health};

pub(super) use self::facts::Facts;
use super::{App, AppError};

/// Every check, in the order in which an administrator reads them. A new one gets its own file and its row here.
const CHECKS: &[fn(&Facts) -> Vec<Finding>] = &[
    credentials::check,
    refused::check,
    operations::check,
    silence::check,
    links::check,
    returned::check,
    names::check,
    hosts::check,
    tls::check,
];

impl App {
    /// Everything that `sallyport-ca doctor` says, good or bad.
    pub async fn examine(&self) -> Result<Vec<Finding>, AppError> {
        let facts = self.facts().await?;
        Ok(CHECKS.iter().flat_map(|check| check(&facts)).collect())
    }
}

fn ok(check: &str, detail: impl Into<String>) -> Finding {
    Finding { check: check.to_owned(), health: Health::Ok, detail: detail.into(), remedy: None }
}

fn warning(check: &str, detail: impl Into<String>, remedy: impl Into<String>) -> Finding {
    let remedy = Some(remedy.into());
    Finding { check: check.to_owned(), health: Health::Warning, detail: detail.into(), remedy }
}

fn error(check: &str, detail: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { health: Health::Error, ..warning(check, detail, remedy) }
}
