//! Whom the door turned away. A wrong paste of a secret looks like a directory that never came, so it has to be seen;
//! and anybody can knock. So it is counted in memory, alike ones together: for the doctor, and from time to time for
//! the provisioning log of the connection that was meant.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sallyport_domain::TenantId;
use sallyport_store::{ReadTx, StoreError};

use super::Turned;
use crate::app::provisioning::Entry;
use crate::app::{App, AppError};

/// How long the doctor speaks of it.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// Between two entries in the provisioning log that say the same.
const STEP: SignedDuration = SignedDuration::from_hours(1);
/// Kinds that are counted; there are a few for each connection.
const MOST: usize = 1024;

/// Why somebody was turned away, in the words of the log and the doctor.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Reason {
    pub status: u16,
    pub what: &'static str,
    pub remedy: &'static str,
}

impl Reason {
    /// Where a SCIM client asked and nothing is: the Tenant URL is wrong.
    pub const LOST: Self = Self {
        status: 404,
        what: "the address is none of SCIM's",
        remedy: "the Tenant URL in Entra ends with /scim/v2",
    };
}

impl From<Turned> for Reason {
    fn from(turned: Turned) -> Self {
        let (status, remedy) = match turned {
            Turned::Expired => (401, "sallyport-ca scim-token extend ID; scim-token list has the id"),
            Turned::ForeignToken | Turned::Nothing => {
                (401, "paste what sallyport-ca scim-token create prints into Secret Token on Entra's page")
            }
            Turned::Network => {
                (403, "sallyport-ca connection list has the networks, connection set changes them")
            }
            Turned::Revoked => (401, "sallyport-ca scim-token create, and give it to Entra"),
            Turned::TooMany { .. } | Turned::Unknown => (
                401,
                "paste the token again, whole; or sallyport-ca scim-token create, and give that to Entra",
            ),
        };
        let status = if matches!(turned, Turned::TooMany { .. }) { 429 } else { status };
        Self { status, what: turned.as_str(), remedy }
    }
}

/// Requests of one kind, since the first of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Count {
    pub times: u64,
    pub since: Timestamp,
    pub until: Timestamp,
    /// Where the last one came from.
    pub from: Option<IpAddr>,
}

/// Whose credential it was, where it was one; and what was wrong.
type Kind = (Option<TenantId>, Reason);

#[derive(Debug, Default)]
pub struct TurnedAway(Mutex<HashMap<Kind, Seen>>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    /// What the doctor tells.
    all: Count,
    /// What the log has yet to hear of.
    untold: Option<Count>,
    told_at: Option<Timestamp>,
}

impl TurnedAway {
    pub fn note(&self, tenant: Option<TenantId>, reason: Reason, from: Option<IpAddr>, now: Timestamp) {
        let mut seen = self.lock();
        let one = Count { times: 1, since: now, until: now, from };
        let room = seen.len() < MOST;
        match seen.get_mut(&(tenant, reason)) {
            Some(seen) => {
                let goes_on = now.duration_since(seen.all.until) < KEPT;
                seen.all = if goes_on { seen.all.and(one) } else { one };
                seen.untold = Some(seen.untold.map_or(one, |untold| untold.and(one)));
            }
            None if room => {
                seen.insert((tenant, reason), Seen { all: one, untold: Some(one), told_at: None });
            }
            None => {}
        }
    }

    /// What the doctor speaks of, in an order that stays.
    pub fn recent(&self, now: Timestamp) -> Vec<(Option<TenantId>, Reason, Count)> {
        let recent = |seen: &Seen| now.duration_since(seen.all.until) < KEPT;
        let mut found: Vec<_> = self
            .lock()
            .iter()
            .filter(|(_, seen)| recent(seen))
            .map(|((tenant, reason), seen)| (*tenant, *reason, seen.all))
            .collect();
        found.sort_by_key(|(tenant, reason, _)| (*tenant, reason.what));
        found
    }

    /// What the log hears of now.
    fn due(&self, now: Timestamp) -> Vec<(Kind, Count)> {
        let mut due = Vec::new();
        for (kind, seen) in self.lock().iter_mut() {
            // A clock that was set back stops nothing.
            let early = seen.told_at.is_some_and(|at| now >= at && now.duration_since(at) < STEP);
            if !early && let Some(untold) = seen.untold.take() {
                seen.told_at = Some(now);
                due.push((*kind, untold));
            }
        }
        due
    }

    /// What could not be written is due again, with what came meanwhile.
    fn put_back(&self, due: Vec<(Kind, Count)>) {
        let mut all = self.lock();
        for (kind, count) in due {
            if let Some(seen) = all.get_mut(&kind) {
                seen.untold = Some(seen.untold.map_or(count, |later| count.and(later)));
                seen.told_at = None;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Kind, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    fn and(self, later: Self) -> Self {
        Self { times: self.times.saturating_add(later.times), since: self.since, ..later }
    }

    /// How often, since when and from where, for people.
    pub fn text(&self) -> String {
        let from = self.from.map(|from| format!(", the last from {from}")).unwrap_or_default();
        format!("{} since {}{from}", self.times, self.since)
    }
}

impl App {
    /// Writes into the provisioning log what is due there. What has no connection belongs to the only one, if there is
    /// one only.
    pub async fn write_turned_away(&self) -> Result<(), AppError> {
        let now = self.now();
        let due = self.turned_away().due(now);
        if due.is_empty() {
            return Ok(());
        }
        let (request, entries) = (self.new_request_id(), due.clone());
        let written = self.store().write(move |tx| {
            let only = only_connection(tx)?;
            for ((tenant, reason), count) in entries {
                if let Some(tenant) = tenant.or(only) {
                    Entry::turned_away(tenant, reason, &count).write(tx, now, request)?;
                }
            }
            Ok::<_, AppError>(())
        });
        written.await.inspect_err(|_| self.turned_away().put_back(due))
    }
}

fn only_connection(tx: &(impl ReadTx + ?Sized)) -> Result<Option<TenantId>, StoreError> {
    let connections = tx.connections()?;
    Ok(match connections.as_slice() {
        [only] => Some(only.tenant),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn tenant(number: u128) -> TenantId {
        uuid::Uuid::from_u128(number).to_string().parse().unwrap()
    }

    #[test]
    fn a_storm_is_one_entry_an_hour_and_one_line_of_the_doctor() {
        let turned = TurnedAway::default();
        let (from, mut entries) = (Some(IpAddr::from([192, 0, 2, 7])), Vec::new());
        for second in 0..10_000 {
            turned.note(None, Turned::Unknown.into(), from, at(second));
            turned.note(None, Turned::TooMany { seconds: 7 }.into(), from, at(second));
            entries.extend(turned.due(at(second)).into_iter().map(|(_, count)| count.times));
        }
        assert_eq!(entries, [1, 1, 3600, 3600, 3600, 3600]);
        let recent = turned.recent(at(10_000));
        assert_eq!(recent.len(), 2);
        let count = Count { times: 10_000, since: at(0), until: at(9_999), from };
        assert!(recent.iter().all(|(.., seen)| *seen == count), "{recent:?}");
    }

    #[test]
    fn each_connection_and_each_reason_counts_for_itself() {
        let turned = TurnedAway::default();
        turned.note(Some(tenant(1)), Turned::Expired.into(), None, at(0));
        turned.note(Some(tenant(2)), Turned::Expired.into(), None, at(0));
        turned.note(Some(tenant(1)), Turned::Network.into(), None, at(1));
        assert_eq!((turned.due(at(1)).len(), turned.due(at(7200)).len()), (3, 0));
    }

    #[test]
    fn what_could_not_be_written_is_due_again_with_what_came_meanwhile() {
        let turned = TurnedAway::default();
        turned.note(None, Turned::Unknown.into(), None, at(0));
        let due = turned.due(at(0));
        turned.note(None, Turned::Unknown.into(), None, at(1));
        turned.put_back(due);
        let due = turned.due(at(30));
        assert_eq!(due.iter().map(|(_, count)| (count.times, count.since)).collect::<Vec<_>>(), [(2, at(0))]);
    }

    #[test]
    fn what_is_a_day_old_is_not_spoken_of_and_begins_anew() {
        let turned = TurnedAway::default();
        turned.note(None, Reason::LOST, None, at(0));
        let day = KEPT.as_secs();
        assert_eq!((turned.recent(at(day - 1)).len(), turned.recent(at(day)).len()), (1, 0));
        turned.note(None, Reason::LOST, None, at(day + 1));
        assert_eq!(turned.recent(at(day + 1))[0].2.times, 1);
    }

    #[test]
    fn kinds_without_end_take_no_more_room() {
        let turned = TurnedAway::default();
        for number in 0..10_000 {
            turned.note(Some(tenant(number)), Turned::Expired.into(), None, at(0));
        }
        assert_eq!(turned.due(at(0)).len(), MOST);
    }
}
