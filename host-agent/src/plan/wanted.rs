//! What this host shall be, by the CA's word.

use jiff::Timestamp;
use sallyport_domain::UidRange;
use sallyport_protocol::{Account, PosixGroup};

use crate::principals::ExpiryNotation;
use crate::problem::{Code, Problem};
use crate::state::Accepted;

/// What this host shall be, and what it is able to.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Nobody, once the lease is over.
    pub(super) accounts: Vec<Account>,
    /// `None`: unknown. A lease that is over takes people out of them and leaves the groups.
    pub(super) posix_groups: Option<Vec<PosixGroup>>,
    pub(super) user_ca_keys: Vec<String>,
    pub(super) krl: String,
    pub(super) uid_ranges: Vec<UidRange>,
    pub(super) lease_until: Timestamp,
    /// The certificate to install, looked at already.
    pub(super) host_certificate: Option<String>,
    pub(super) abilities: Abilities,
    pub(crate) problems: Vec<Problem>,
}

/// What the programs of this host can do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Abilities {
    pub(crate) expiry: ExpiryNotation,
    pub(crate) has_visudo: bool,
    pub(crate) sudo_ends: bool,
    pub(crate) shell: String,
}

impl Wanted {
    /// The snapshot's content, or nobody when its lease is over: then, and only then, access ends without a word of
    /// the CA.
    pub(crate) fn new(
        accepted: &Accepted,
        host_certificate: Option<String>,
        abilities: Abilities,
        now: Timestamp,
    ) -> Self {
        let over = accepted.lease_until <= now;
        let problems = if over { vec![over_since(accepted.lease_until)] } else { Vec::new() };
        Self {
            accounts: if over { Vec::new() } else { accepted.content.accounts.clone() },
            posix_groups: Some(accepted.content.posix_groups.clone()),
            user_ca_keys: accepted.content.user_ca_keys.clone(),
            krl: accepted.content.krl.clone(),
            uid_ranges: accepted.content.uid_ranges.clone(),
            lease_until: accepted.lease_until,
            host_certificate,
            abilities,
            problems,
        }
    }

    /// Nobody, once no lease goes on. What the host is able to is of no matter then: nothing is written for anybody.
    /// `has_word`: the CA's last word is there; otherwise `until` is by our own files only.
    pub(crate) fn nobody(until: Option<Timestamp>, has_word: bool) -> Self {
        let problem = match until {
            Some(until) if has_word => over_since(until),
            Some(until) => lost_word(&format!("the lease that stands in the files ended at {until}")),
            None => lost_word("no file tells of a lease that goes on"),
        };
        Self {
            accounts: Vec::new(),
            posix_groups: None,
            user_ca_keys: Vec::new(),
            krl: String::new(),
            uid_ranges: Vec::new(),
            lease_until: until.unwrap_or(Timestamp::MIN),
            host_certificate: None,
            abilities: Abilities::default(),
            problems: vec![problem],
        }
    }

    /// Where the CA takes its numbers from; empty where it does not say.
    pub(crate) fn uid_ranges(&self) -> &[UidRange] {
        &self.uid_ranges
    }

    pub(crate) fn accounts(&self) -> &[Account] {
        &self.accounts
    }
}

fn over_since(until: Timestamp) -> Problem {
    let detail = format!(
        "no fresh word of the CA since the lease ended at {until}; all accounts are suspended until there is one"
    );
    Problem::new(Code::LeaseOver, detail)
}

fn lost_word(end: &str) -> Problem {
    let detail = format!(
        "the CA's last word is lost, and {end}; all accounts are suspended until there is a fresh word"
    );
    Problem::new(Code::LeaseOver, detail)
}
