//! The rows that need no server, on one core.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use ed25519_dalek::{Signer as _, SigningKey};
use jiff::{SignedDuration, Timestamp};
use rand::rngs::OsRng;
use sallyport_domain::{Extension, Lifetime, Principals, RequestId, Serial, UserId};
use sallyport_issuance::{CaKey, CriticalOptions, KeyId, PlainKey, Receipt, UserCertificate, UserProfile};
use ssh_key::{Algorithm, PrivateKey};

use crate::cpu;
use crate::report::Local;

const LONG: Duration = Duration::from_secs(2);

/// About as long as the content of a user certificate.
const MESSAGE_BYTES: usize = 600;

/// 2027-01-15T08:00:00Z
const ISSUED_AT: i64 = 1_800_000_000;

/// Between two looks at the clock.
const STRIDE: u32 = 50;

/// The library alone: a key that is ready, one message.
pub(crate) fn raw_signatures() -> Result<Local> {
    let key = SigningKey::generate(&mut OsRng);
    let message = [0x5a; MESSAGE_BYTES];
    repeat(|| {
        black_box(key.sign(black_box(&message)));
        Ok(())
    })
}

/// All that the CA does for a certificate between decision and answer, with a list in memory as the record.
pub(crate) fn issuance() -> Result<Local> {
    let key = || PrivateKey::random(&mut OsRng, Algorithm::Ed25519);
    let ca = CaKey::new(&key()?)?;
    let person = PlainKey::parse(&key()?.public_key().to_openssh()?)?;
    let profile = UserProfile::new(Lifetime::from_seconds(16 * 3600)?)?;
    let mut wish = wish(Timestamp::from_second(ISSUED_AT)?)?;
    let mut record: Vec<Vec<u8>> = Vec::new();
    repeat(|| {
        wish.serial = wish.serial.next();
        let approved = profile.approve(&person, &wish, ca.public(), &mut OsRng)?;
        record.push(approved.tbs().to_vec());
        let receipt = Receipt::for_tbs(record.last().context("nothing recorded")?);
        black_box(approved.recorded(&receipt)?.sign(&ca)?);
        Ok(())
    })
}

fn wish(now: Timestamp) -> Result<UserCertificate> {
    let user = UserId::generate(now, &mut OsRng);
    let principals = [user.into(), "mara.lind".parse()?].into_iter().collect();
    Ok(UserCertificate {
        serial: Serial::first(&mut OsRng),
        key_id: KeyId::of_user(user, "mara.lind@contoso.test", RequestId::generate(now, &mut OsRng)),
        principals: Principals::new(principals).context("no principals")?,
        valid_after: now.checked_sub(SignedDuration::from_mins(5))?,
        valid_before: now.checked_add(SignedDuration::from_hours(16))?,
        extensions: Extension::DEFAULT.into_iter().collect(),
        critical_options: CriticalOptions::default(),
    })
}

fn repeat(mut once: impl FnMut() -> Result<()>) -> Result<Local> {
    let cpu = cpu::of_this_thread()?;
    let began = Instant::now();
    let mut done = 0;
    while began.elapsed() < LONG {
        for _ in 0..STRIDE {
            once()?;
        }
        done += STRIDE;
    }
    Ok(Local { done, took: began.elapsed(), cpu: cpu::of_this_thread()?.saturating_sub(cpu) })
}
