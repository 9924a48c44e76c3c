//! Requests that a host signs: whose key, which second, and that each counts once.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use sallyport_domain::HostState;
use sallyport_protocol::{Fingerprint, ProblemCode, RequestSignature, SignedRequest};
use sallyport_store::HostRow;
use ssh_key::PublicKey;

use super::{App, AppError, Refusal};

/// How far a request's time may be off.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// Nonces of one host remembered at most; more in ten minutes is a host gone mad, and only that one is refused.
const MOST_NONCES: usize = 20_000;

/// A host that proved itself for one request.
#[derive(Clone, Debug)]
pub struct AuthenticatedHost {
    pub host: HostRow,
    /// Of this request: a lease answers it.
    pub nonce: String,
}

/// The nonces that were seen, kept in memory only.
///
/// A request from before this server's start is refused with `clock_skew`, so what an earlier process saw cannot be
/// played to this one, unless the host's clock ran ahead: then by as much as it did, and to no more than an old report
/// or a poll whose answer carries the old nonce. The sender takes the time from the refusal and tries once more.
#[derive(Debug)]
pub struct Nonces {
    started: Timestamp,
    seen: Mutex<Seen>,
}

/// Two buckets of one tolerance's length each: forgetting is dropping the older.
#[derive(Debug)]
struct Seen {
    since: Timestamp,
    current: HashMap<Fingerprint, HashSet<String>>,
    previous: HashMap<Fingerprint, HashSet<String>>,
}

impl Nonces {
    pub fn new(now: Timestamp) -> Self {
        let seen = Seen { since: now, current: HashMap::new(), previous: HashMap::new() };
        Self { started: now, seen: Mutex::new(seen) }
    }

    fn check_time(&self, ts: i64, now: Timestamp) -> Result<(), Refusal> {
        let skew = Refusal {
            server_time: Some(now),
            ..Refusal::new(
                ProblemCode::ClockSkew,
                "the request's time is off by more than five minutes; set the clock",
            )
        };
        let sent = Timestamp::from_second(ts).map_err(|_| skew.clone())?;
        if now.duration_since(sent).abs() > TOLERANCE {
            return Err(skew);
        }
        if ts < self.started.as_second() {
            let detail = "the request was made before this server started; sign it again";
            return Err(Refusal { detail: detail.to_owned(), ..skew });
        }
        Ok(())
    }

    /// Whether the nonce is new. Called for the keys of enrolled hosts only: a stranger cannot fill the memory.
    fn claim(&self, key: Fingerprint, nonce: &str, now: Timestamp) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A request may be stamped one tolerance ahead and be played until one tolerance after: two in all.
        if now.duration_since(seen.since) > TOLERANCE * 2 {
            seen.previous = std::mem::take(&mut seen.current);
            seen.since = now;
        }
        if seen.previous.get(&key).is_some_and(|nonces| nonces.contains(nonce)) {
            return false;
        }
        let nonces = seen.current.entry(key).or_default();
        nonces.len() < MOST_NONCES && nonces.insert(nonce.to_owned())
    }
}

fn unauthorized(detail: &str) -> Refusal {
    Refusal::new(ProblemCode::Unauthorized, detail)
}

impl App {
    /// Checks time and signature of a request by the holder of `key`. Whether its nonce counts is for the caller.
    pub fn check_signed_request(
        &self,
        signature: &RequestSignature,
        request: &SignedRequest<'_>,
        key: &PublicKey,
    ) -> Result<(), Refusal> {
        let now = self.now();
        self.0.nonces.check_time(signature.ts, now)?;
        signature.verify(request, key).map_err(|_| unauthorized("the request's signature does not hold"))
    }

    /// The enrolled host behind a signed request.
    pub async fn authenticate_host(
        &self,
        signature: &RequestSignature,
        method: &str,
        path_and_query: &str,
        body: &[u8],
    ) -> Result<AuthenticatedHost, AppError> {
        let fingerprint = signature.key.to_string();
        let found = self.store().read(move |tx| Ok::<_, AppError>(tx.host_by_machine(&fingerprint)?)).await?;
        let host = found.filter(|host| host.state != HostState::Retired);
        let host = host
            .ok_or_else(|| unauthorized("this machine is not enrolled here; run: sallyport-host enroll"))?;
        let key: PublicKey = host
            .machine_key
            .parse()
            .map_err(|error: ssh_key::Error| AppError::internal("a host's key", error))?;
        let request = SignedRequest { method, path_and_query, body, ca: self.keys().fingerprint() };
        self.check_signed_request(signature, &request, &key)?;
        if !self.0.nonces.claim(signature.key, &signature.nonce, self.now()) {
            return Err(unauthorized("this nonce was used before; sign the request again").into());
        }
        Ok(AuthenticatedHost { host, nonce: signature.nonce.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_nonce_counts_once_for_as_long_as_it_could_be_played() {
        let nonces = Nonces::new(at(10_000));
        let key = Fingerprint::of_blob(b"key");
        assert!(nonces.claim(key, "a", at(10_000)));
        for second in [10_000, 10_299, 10_601, 11_000] {
            assert!(!nonces.claim(key, "a", at(second)), "played again at {second}");
        }
        assert!(nonces.claim(Fingerprint::of_blob(b"other"), "a", at(10_000)));
    }

    #[test]
    fn times_far_off_and_from_before_the_start_are_refused_with_the_servers_time() {
        let nonces = Nonces::new(at(10_000));
        for (sent, now) in [(10_000, 10_301), (10_301, 10_000), (9_999, 10_001), (i64::MAX, 10_000)] {
            let refusal = nonces.check_time(sent, at(now)).unwrap_err();
            assert_eq!(refusal.code, ProblemCode::ClockSkew);
            assert_eq!(refusal.server_time, Some(at(now)));
        }
        nonces.check_time(10_000, at(10_300)).unwrap();
    }
}
