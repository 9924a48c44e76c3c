//! The revocation list. One number is one list, whoever asks for it and when (decision 0183).

use std::sync::Arc;

use jiff::Timestamp;
use sallyport_domain::{Generation, Serial};
use sallyport_krl::Krl;

use super::{App, AppError};

/// A list as hosts get it.
#[derive(Clone, Debug)]
pub(super) struct Encoded {
    number: Generation,
    /// What had ended by then is not on it.
    at: Timestamp,
    bytes: Arc<[u8]>,
}

impl App {
    /// The list of that number, or of a later one.
    ///
    /// Everybody waits for the one who encodes it: while a large group is settled, the store looks at each of its members
    /// for it, and every host asks at once.
    pub(super) async fn revocation_list(&self, number: Generation) -> Result<Arc<[u8]>, AppError> {
        let now = self.now();
        let mut last = self.0.revocation_list.lock().await;
        // Not one from a clock that was set back since: what it took for ended may be valid again.
        if let Some(list) = last.as_ref().filter(|list| list.number >= number && list.at <= now) {
            return Ok(Arc::clone(&list.bytes));
        }
        let (number, at, serials) = self
            .store()
            .read(move |tx| {
                let number = tx.krl_number()?;
                let at = as_of(number, now);
                Ok::<_, AppError>((number, at, tx.revoked_serials(at)?))
            })
            .await?;
        let bytes: Arc<[u8]> = self.encode(number, at, serials)?.into();
        *last = Some(Encoded { number, at, bytes: Arc::clone(&bytes) });
        Ok(bytes)
    }

    fn encode(&self, number: Generation, at: Timestamp, serials: Vec<Serial>) -> Result<Vec<u8>, AppError> {
        let ca = self.keys().user_ca.public().public_key();
        let krl = Krl::new(number, at, ca, serials.into_iter().collect());
        krl.and_then(|krl| krl.encode()).map_err(|error| AppError::internal("the revocation list", error))
    }
}

/// When the number was given, which is in it ([`Generation::next`]); now, where that is to come by this clock.
fn as_of(number: Generation, now: Timestamp) -> Timestamp {
    let given = i64::try_from(number.value()).ok().and_then(|value| Timestamp::from_millisecond(value).ok());
    given.map_or(now, |given| given.min(now))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_list_is_of_the_time_of_its_number_and_of_no_time_to_come() {
        let given = Timestamp::from_millisecond(1_800_000_000_123).unwrap();
        let number = Generation::ZERO.next(given);
        let hour = SignedDuration::from_hours(1);
        assert_eq!(as_of(number, given + hour), given);
        assert_eq!(as_of(number, given - hour), given - hour);
        assert_eq!(as_of(Generation::new(u64::MAX), given), given);
    }
}
