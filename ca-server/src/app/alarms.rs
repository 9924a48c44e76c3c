//! What administrators are told unasked, in the log: once when it begins, and not at every look.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use sallyport_domain::{ConnectionName, ScimTokenId};

use super::credentials::expiry::Stage;
use super::doctor::Facts;
use super::provisioning::{Outcomes, Trouble};
use super::{App, AppError};

/// Between two lines about one connection's refusals, while they go on and get no worse.
const TOLD_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// What was told already. In memory: after a start it is told once more.
#[derive(Debug, Default)]
pub struct Watch {
    stages: HashMap<ScimTokenId, Stage>,
    silent: BTreeSet<ConnectionName>,
    refused: BTreeMap<ConnectionName, (Trouble, Timestamp)>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// A credential comes to its end, or has.
    Expiry {
        connection: Option<ConnectionName>,
        name: String,
        id: ScimTokenId,
        at: Timestamp,
        stage: Stage,
    },
    /// Too many of its operations are refused.
    Refused {
        connection: ConnectionName,
        outcomes: Outcomes,
    },
    Silent {
        connection: ConnectionName,
        since: Timestamp,
    },
    SpeaksAgain {
        connection: ConnectionName,
    },
}

impl Watch {
    /// What is new since the last look.
    pub(super) fn step(&mut self, facts: &Facts) -> Vec<Notice> {
        let mut notices = self.expiries(facts);
        let silent: BTreeSet<ConnectionName> =
            facts.silent().map(|connection| connection.name.clone()).collect();
        for connection in facts.silent().filter(|connection| !self.silent.contains(&connection.name)) {
            let since = connection.last_request_at.unwrap_or(facts.now);
            notices.push(Notice::Silent { connection: connection.name.clone(), since });
        }
        for connection in self.silent.difference(&silent) {
            notices.push(Notice::SpeaksAgain { connection: connection.clone() });
        }
        self.silent = silent;
        notices.extend(self.refusals(facts));
        notices
    }

    fn refusals(&mut self, facts: &Facts) -> Vec<Notice> {
        let mut notices = Vec::new();
        for (connection, outcomes) in facts.operations() {
            let trouble = outcomes.trouble();
            // A share that goes up and down around a limit is told once.
            let told = self.refused.get(connection);
            let is_told =
                told.is_some_and(|(told, at)| trouble <= *told && facts.now.duration_since(*at) < TOLD_EVERY);
            if trouble != Trouble::None && !is_told {
                self.refused.insert(connection.clone(), (trouble, facts.now));
                notices.push(Notice::Refused { connection: connection.clone(), outcomes });
            }
        }
        notices
    }

    fn expiries(&mut self, facts: &Facts) -> Vec<Notice> {
        let before = std::mem::take(&mut self.stages);
        let mut notices = Vec::new();
        for (token, stage) in facts.stages() {
            let told = before.get(&token.id).copied().unwrap_or(Stage::Fine);
            if stage > told {
                notices.push(Notice::Expiry {
                    connection: facts.name_of(token.tenant).cloned(),
                    name: token.name.clone(),
                    id: token.id,
                    at: token.expires_at,
                    stage,
                });
            }
            self.stages.insert(token.id, stage);
        }
        notices
    }
}

impl App {
    /// Looks at everything once, and says what is new in the log.
    pub async fn watch(&self, watch: &mut Watch) -> Result<(), AppError> {
        let facts = self.facts().await?;
        watch.step(&facts).iter().for_each(log);
        Ok(())
    }
}

fn log(notice: &Notice) {
    match notice {
        Notice::Expiry { connection, name, id, at, stage } => {
            let connection = connection.as_ref().map(ConnectionName::as_str);
            if *stage == Stage::Over {
                let advice =
                    "a SCIM credential has expired; run: sallyport-ca scim-token extend ID, or revoke ID";
                tracing::error!(connection, name, %id, %at, "{advice}");
            } else {
                let advice = "a SCIM credential expires soon, and Entra's job with it; run: sallyport-ca scim-token extend ID";
                tracing::warn!(connection, name, %id, %at, "{advice}");
            }
        }
        Notice::Refused { connection, outcomes } => {
            let what = outcomes.text();
            if outcomes.trouble() == Trouble::Grave {
                let advice = "a directory is refused so much that Entra is about to quarantine its job; run: sallyport-ca provisioning log --failed";
                tracing::error!(%connection, what, "{advice}");
            } else {
                let advice = "a directory has many of its operations refused; run: sallyport-ca provisioning log --failed";
                tracing::warn!(%connection, what, "{advice}");
            }
        }
        Notice::Silent { connection, since } => {
            tracing::error!(%connection, %since, "a directory that used to write has fallen silent; look at its provisioning job in Entra: it may be stopped or in quarantine");
        }
        Notice::SpeaksAgain { connection } => tracing::info!(%connection, "a silent directory writes again"),
    }
}

#[cfg(test)]
mod tests {
    use sallyport_store::conformance::samples::{connection, now, scim_token};

    use super::*;
    use crate::app::testing::{DAY, Lines, facts};

    #[test]
    fn each_step_to_the_end_is_told_once() {
        let mut watch = Watch::default();
        let mut told = Vec::new();
        for days in 0..400 {
            for _ in 0..3 {
                for notice in watch.step(&facts(days, days)) {
                    let Notice::Expiry { stage, id, .. } = notice else { panic!("{notice:?}") };
                    assert_eq!(id, scim_token(1).id, "what was revoked is nobody's concern");
                    told.push((days, stage));
                }
            }
        }
        assert_eq!(told, [(335, Stage::Month), (358, Stage::Week), (364, Stage::Day), (365, Stage::Over)]);
    }

    #[test]
    fn the_log_warns_once_at_each_of_three_steps() {
        let lines = Lines::default();
        tracing::subscriber::with_default(lines.subscriber(), || {
            let mut watch = Watch::default();
            for days in 0..400 {
                (0..3).flat_map(|_| watch.step(&facts(days, days))).for_each(|notice| log(&notice));
            }
        });
        let text = lines.text();
        let of = |level: &str, what: &str| {
            text.lines().filter(|line| line.contains(level) && line.contains(what)).count()
        };
        assert_eq!(
            (of(" WARN ", "expires soon"), of("ERROR ", "has expired"), text.lines().count()),
            (3, 1, 4)
        );
        assert!(text.contains(&scim_token(1).id.to_string()), "{text}");
    }

    #[test]
    fn one_that_was_extended_is_told_anew_in_its_time() {
        let mut watch = Watch::default();
        assert_eq!(watch.step(&facts(364, 364)).len(), 1);
        let mut extended = facts(364, 364);
        extended.tokens[0].expires_at = now() + DAY.saturating_mul(800);
        assert_eq!(watch.step(&extended), []);
        extended.now = now() + DAY.saturating_mul(799);
        extended.connections[0].last_request_at = Some(extended.now);
        assert_eq!(watch.step(&extended).len(), 1);
    }

    #[test]
    fn refusals_are_told_when_they_begin_when_they_get_worse_and_by_the_day() {
        let mut watch = Watch::default();
        let mut look = |hours: i64, refused| {
            let mut facts = facts(0, 0);
            facts.now += SignedDuration::from_hours(hours);
            facts.connections[0].last_request_at = Some(facts.now);
            facts.outcomes.insert(facts.connections[0].tenant, Outcomes { total: 1_000, refused });
            let told = watch.step(&facts).pop()?;
            let Notice::Refused { outcomes, .. } = told else { panic!("{told:?}") };
            Some(outcomes.refused)
        };
        assert_eq!(look(0, 200), None);
        assert_eq!((look(1, 201), look(1, 201)), (Some(201), None));
        assert_eq!((look(2, 199), look(2, 201)), (None, None), "around the limit");
        assert_eq!((look(3, 500), look(3, 300), look(4, 500)), (Some(500), None, None));
        assert_eq!((look(26, 500), look(27, 500), look(28, 500)), (None, Some(500), None));
        assert_eq!((look(60, 100), look(61, 201)), (None, Some(201)));
    }

    #[test]
    fn a_directory_that_is_heard_of_and_cannot_be_noted_is_not_silent() {
        let mut unnoted = facts(10, 9);
        unnoted.heard.insert(unnoted.connections[0].tenant, unnoted.now);
        assert_eq!(Watch::default().step(&unnoted), []);
    }

    #[test]
    fn silence_is_told_when_it_begins_and_when_it_ends() {
        let mut watch = Watch::default();
        let name = connection(1).name;
        let since = now() + DAY.saturating_mul(9);
        assert_eq!(watch.step(&facts(9, 9)), []);
        assert_eq!(watch.step(&facts(10, 9)), [Notice::Silent { connection: name.clone(), since }]);
        assert_eq!(watch.step(&facts(10, 9)), []);
        assert_eq!(watch.step(&facts(10, 10)), [Notice::SpeaksAgain { connection: name }]);
        assert_eq!(watch.step(&facts(10, 10)), []);
    }
}
