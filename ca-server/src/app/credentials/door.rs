//! What wrong credentials cost. A secret of 256 bits is not guessed; but every guess is a look at the store, and a line
//! in the log.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sallyport_domain::ScimTokenId;
use sallyport_policy::{Rate, Throttle};
use sallyport_store::SecretHash;

/// Somebody mends a mistake in Entra's page by trying; whatever goes on has a look each two seconds.
const WRONG: Rate = Rate { burst: 60, every: SignedDuration::from_secs(2) };
/// A client keeps its token for an hour, but a worker may fetch one for every request: a job that meets 429 is put into
/// quarantine, and Entra asks to be let through 25 times a second. Beyond that the rows would only pile up.
const GRANTS: Rate = Rate { burst: 1500, every: SignedDuration::from_millis(40) };
/// Refusals in the log: what is told once need not be told a thousand times.
const LINES: Rate = Rate { burst: 20, every: SignedDuration::from_secs(6) };
/// Addresses and credentials remembered, twice.
const MOST: usize = 10_000;
/// Good secrets remembered, by their hashes.
const GOOD: usize = 1024;

/// What is remembered about who asks.
#[derive(Debug)]
pub struct ScimDoor(Mutex<Seen>);

#[derive(Debug)]
struct Seen {
    wrong: Throttle<IpAddr>,
    grants: Throttle<ScimTokenId>,
    lines: Throttle<()>,
    /// Lines that were left out since the last one.
    untold: u64,
    /// Secrets that exist or were good, oldest first: whoever has one is looked at, whatever others at the same address
    /// (a proxy, say) do, also after a restart. Being looked at is all that it is worth: a revoked one is refused there.
    good: VecDeque<SecretHash>,
}

impl Default for ScimDoor {
    fn default() -> Self {
        Self(Mutex::new(Seen {
            wrong: Throttle::new(WRONG, MOST),
            grants: Throttle::new(GRANTS, MOST),
            lines: Throttle::new(LINES, 1),
            untold: 0,
            good: VecDeque::new(),
        }))
    }
}

impl ScimDoor {
    /// Whether the store is asked about this secret.
    ///
    /// # Errors
    /// Seconds to wait.
    pub(super) fn look(&self, from: Option<IpAddr>, hash: &SecretHash, now: Timestamp) -> Result<(), u64> {
        let seen = self.lock();
        match counted(from).and_then(|address| seen.wrong.wait(&address, now)) {
            Some(wait) if !seen.good.contains(hash) => Err(whole(wait)),
            _ => Ok(()),
        }
    }

    pub(super) fn wrong(&self, from: Option<IpAddr>, now: Timestamp) {
        if let Some(address) = counted(from) {
            // Over the limit by now: the next one is told.
            let _ = self.lock().wrong.take(address, now);
        }
    }

    pub(in crate::app) fn passed(&self, hash: SecretHash) {
        let mut seen = self.lock();
        if seen.good.back() == Some(&hash) {
            return;
        }
        seen.good.retain(|known| *known != hash);
        if seen.good.len() >= GOOD {
            seen.good.pop_front();
        }
        seen.good.push_back(hash);
    }

    /// Counts an access token.
    ///
    /// # Errors
    /// Seconds to wait.
    pub(super) fn grant(&self, client: ScimTokenId, now: Timestamp) -> Result<(), u64> {
        self.lock().grants.take(client, now).map_err(whole)
    }

    /// Whether a refusal is worth a line now; how many were not told since the last.
    pub fn tell(&self, now: Timestamp) -> Option<u64> {
        let mut seen = self.lock();
        if seen.lines.take((), now).is_ok() {
            return Some(std::mem::take(&mut seen.untold));
        }
        seen.untold += 1;
        None
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// On loopback is a proxy whose word is not believed, with everybody behind it.
fn counted(from: Option<IpAddr>) -> Option<IpAddr> {
    from.map(|address| address.to_canonical()).filter(|address| !address.is_loopback())
}

fn whole(wait: SignedDuration) -> u64 {
    u64::try_from(wait.as_secs()).unwrap_or(0).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use sallyport_store::conformance::samples::after;

    use super::*;

    #[test]
    fn wrong_secrets_wait_and_good_ones_are_looked_at() {
        let (door, from) = (ScimDoor::default(), Some(IpAddr::from([192, 0, 2, 1])));
        let (good, other) = (SecretHash([1; 32]), SecretHash([2; 32]));
        door.passed(good);
        for _ in 0..WRONG.burst {
            assert_eq!(door.look(from, &other, after(0)), Ok(()));
            door.wrong(from, after(0));
        }
        assert!(door.look(from, &other, after(0)).is_err());
        assert_eq!(door.look(from, &good, after(0)), Ok(()), "whoever was good is looked at");
        assert_eq!(door.look(Some(IpAddr::from([192, 0, 2, 2])), &other, after(0)), Ok(()));
        for _ in 0..2 * WRONG.burst {
            door.wrong(Some(IpAddr::from([127, 0, 0, 1])), after(0));
        }
        assert_eq!(door.look(Some(IpAddr::from([127, 0, 0, 1])), &other, after(0)), Ok(()), "everybody");
        assert_eq!(door.look(from, &other, after(2)), Ok(()));
    }

    #[test]
    fn the_memory_of_good_secrets_does_not_grow() {
        let door = ScimDoor::default();
        for number in 0..1100_u16 {
            let mut hash = [0; 32];
            hash[..2].copy_from_slice(&number.to_be_bytes());
            door.passed(SecretHash(hash));
            door.passed(SecretHash(hash));
        }
        assert_eq!(door.lock().good.len(), GOOD);
    }

    #[test]
    fn a_client_that_fetches_a_token_for_every_request_is_not_held_up() {
        let (door, client) = (ScimDoor::default(), sallyport_store::conformance::samples::id(1));
        for second in 0..120 {
            for _ in 0..25 {
                assert_eq!(door.grant(client, after(second)), Ok(()));
            }
        }
        let granted = (0..10_000).filter(|_| door.grant(client, after(120)).is_ok()).count();
        assert!((1000..2000).contains(&granted), "many at once, and not without end: {granted}");
        assert_eq!(door.grant(client, after(120)), Err(1), "and not for long");
    }

    #[test]
    fn a_flood_leaves_some_lines_and_a_count() {
        let door = ScimDoor::default();
        let told = (0..1000).filter(|_| door.tell(after(0)).is_some()).count();
        assert_eq!(told, usize::from(LINES.burst));
        assert_eq!(door.tell(after(6)), Some(980));
    }
}
