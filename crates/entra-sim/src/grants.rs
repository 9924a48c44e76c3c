//! What was handed out and may be redeemed: codes, refresh tokens, device codes, browser sessions.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use rand::seq::SliceRandom as _;
use uuid::Uuid;

use crate::claims::{SignIn, saturating_add};
use crate::errors::Refusal;
use crate::pkce::Challenge;
use crate::scope::Scopes;

const CODE_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// Long enough to say "expired" or "already redeemed" instead of "unknown".
const REMEMBERED: SignedDuration = SignedDuration::from_hours(2);
const REFRESH_LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 90);
const SESSION_LIFETIME: SignedDuration = SignedDuration::from_hours(24);
const TICKET_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
pub(crate) const DEVICE_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// No zero, no vowels, nothing that is read as something else.
const USER_CODE_LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ23456789";

/// A sign-in with what the client asked for.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub(crate) sign_in: SignIn,
    pub(crate) scopes: Scopes,
    pub(crate) nonce: Option<String>,
}

#[derive(Debug)]
struct Code {
    granted: Granted,
    redirect_uri: String,
    challenge: Challenge,
    expires: Timestamp,
    redeemed: bool,
}

#[derive(Debug)]
struct Refresh {
    granted: Granted,
    expires: Timestamp,
}

/// One device authorization.
#[derive(Debug)]
pub(crate) struct Device {
    user_code: String,
    scopes: Scopes,
    expires: Timestamp,
    decision: Decision,
}

#[derive(Debug)]
enum Decision {
    Pending,
    Approved(SignIn),
    Declined,
    Redeemed,
}

/// Everything redeemable, by its secret.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    codes: HashMap<String, Code>,
    refresh: HashMap<String, Refresh>,
    devices: HashMap<String, Device>,
    sessions: HashMap<String, (SignIn, Timestamp)>,
    tickets: HashMap<String, (SignIn, Timestamp)>,
    access: HashMap<String, (Granted, Timestamp)>,
}

impl Grants {
    /// Forgets what has been expired for long, so that a long run does not grow.
    fn sweep(&mut self, now: Timestamp) {
        let kept = |expires: Timestamp| saturating_add(expires, REMEMBERED) > now;
        self.codes.retain(|_, code| kept(code.expires));
        self.refresh.retain(|_, refresh| kept(refresh.expires));
        self.devices.retain(|_, device| kept(device.expires));
        self.sessions.retain(|_, (_, expires)| *expires > now);
        self.tickets.retain(|_, (_, expires)| *expires > now);
        self.access.retain(|_, (_, expires)| *expires > now);
    }

    pub(crate) fn code(
        &mut self,
        granted: Granted,
        redirect_uri: &str,
        challenge: Challenge,
        now: Timestamp,
    ) -> String {
        self.sweep(now);
        let secret = format!("1.A{}", secret());
        let expires = saturating_add(now, CODE_LIFETIME);
        let code =
            Code { granted, redirect_uri: redirect_uri.to_owned(), challenge, expires, redeemed: false };
        self.codes.insert(secret.clone(), code);
        secret
    }

    /// A code counts once, and only for who knows the verifier. A wrong verifier uses it up too.
    pub(crate) fn redeem_code(
        &mut self,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
        now: Timestamp,
    ) -> Result<Granted, Refusal> {
        let code = self.codes.get_mut(code).ok_or(Refusal::BadToken("code"))?;
        if code.redeemed {
            return Err(Refusal::CodeRedeemed);
        }
        if now >= code.expires {
            return Err(Refusal::CodeExpired);
        }
        code.redeemed = true;
        if code.redirect_uri != redirect_uri {
            return Err(Refusal::RedirectDiffers);
        }
        if !code.challenge.verify(verifier) {
            return Err(Refusal::VerifierMismatch);
        }
        Ok(code.granted.clone())
    }

    pub(crate) fn refresh_token(&mut self, granted: Granted, now: Timestamp) -> String {
        self.sweep(now);
        let secret = format!("1.A{}", secret());
        let expires = saturating_add(now, REFRESH_LIFETIME);
        self.refresh.insert(secret.clone(), Refresh { granted, expires });
        secret
    }

    /// The old token stays good: Entra replaces refresh tokens without revoking them.
    pub(crate) fn refresh(&self, token: &str, now: Timestamp) -> Result<Granted, Refusal> {
        let found = self.refresh.get(token).ok_or(Refusal::BadToken("refresh_token"))?;
        if now >= found.expires { Err(Refusal::RefreshExpired) } else { Ok(found.granted.clone()) }
    }

    /// Begins a device authorization: `(device_code, user_code)`.
    pub(crate) fn device(&mut self, scopes: Scopes, now: Timestamp) -> (String, String) {
        self.sweep(now);
        let device_code = format!("DAQABIQEAAAD{}", secret());
        let letters =
            || USER_CODE_LETTERS.choose(&mut rand::rngs::OsRng).map_or('B', |&letter| char::from(letter));
        let user_code: String = (0..9).map(|_| letters()).collect();
        let expires = saturating_add(now, DEVICE_LIFETIME);
        let device = Device { user_code: user_code.clone(), scopes, expires, decision: Decision::Pending };
        self.devices.insert(device_code.clone(), device);
        (device_code, user_code)
    }

    /// Is this a code that somebody is waiting on? Letter case, spaces and dashes do not matter.
    pub(crate) fn waiting(&mut self, typed: &str, now: Timestamp) -> Option<&mut Device> {
        let typed: String = typed.chars().filter(char::is_ascii_alphanumeric).collect();
        self.devices.values_mut().find(|device| {
            device.user_code.eq_ignore_ascii_case(&typed)
                && now < device.expires
                && matches!(device.decision, Decision::Pending)
        })
    }

    pub(crate) fn poll_device(&mut self, device_code: &str, now: Timestamp) -> Result<Granted, Refusal> {
        let device = self.devices.get_mut(device_code).ok_or(Refusal::DeviceUnknown)?;
        if now >= device.expires {
            return Err(Refusal::DeviceExpired);
        }
        match &device.decision {
            Decision::Pending => Err(Refusal::DevicePending),
            Decision::Declined => Err(Refusal::DeviceDeclined),
            Decision::Redeemed => Err(Refusal::CodeRedeemed),
            Decision::Approved(sign_in) => {
                // The device code grant has no nonce: nothing ties the token to who asked for it.
                let granted =
                    Granted { sign_in: sign_in.clone(), scopes: device.scopes.clone(), nonce: None };
                device.decision = Decision::Redeemed;
                Ok(granted)
            }
        }
    }

    /// An access token, for the userinfo endpoint. `lifetime` in seconds.
    pub(crate) fn remember_access(&mut self, token: &str, granted: Granted, now: Timestamp, lifetime: i64) {
        let expires = saturating_add(now, SignedDuration::from_secs(lifetime));
        self.access.insert(token.to_owned(), (granted, expires));
    }

    pub(crate) fn find_access(&self, token: &str, now: Timestamp) -> Option<&Granted> {
        self.access.get(token).filter(|(_, expires)| now < *expires).map(|(granted, _)| granted)
    }

    /// A browser session, for the cookie.
    pub(crate) fn session(&mut self, sign_in: SignIn, now: Timestamp) -> String {
        let secret = secret();
        self.sessions.insert(secret.clone(), (sign_in, saturating_add(now, SESSION_LIFETIME)));
        secret
    }

    pub(crate) fn find_session(&self, cookie: &str, now: Timestamp) -> Option<&SignIn> {
        self.sessions.get(cookie).filter(|(_, expires)| now < *expires).map(|(sign_in, _)| sign_in)
    }

    pub(crate) fn end_session(&mut self, cookie: &str) {
        self.sessions.remove(cookie);
    }

    /// Proof on the next page (consent, device confirmation) that the password was right on this one.
    pub(crate) fn ticket(&mut self, sign_in: SignIn, now: Timestamp) -> String {
        self.sweep(now);
        let secret = secret();
        self.tickets.insert(secret.clone(), (sign_in, saturating_add(now, TICKET_LIFETIME)));
        secret
    }

    pub(crate) fn take_ticket(&mut self, ticket: &str, now: Timestamp) -> Option<SignIn> {
        self.tickets.remove(ticket).filter(|(_, expires)| now < *expires).map(|(sign_in, _)| sign_in)
    }
}

impl Device {
    pub(crate) fn user_code(&self) -> &str {
        &self.user_code
    }

    pub(crate) fn approve(&mut self, sign_in: SignIn) {
        self.decision = Decision::Approved(sign_in);
    }

    pub(crate) fn decline(&mut self) {
        self.decision = Decision::Declined;
    }
}

/// 256 random bits.
pub(crate) fn secret() -> String {
    let mut bytes = [0; 32];
    rand::RngCore::fill_bytes(&mut rand::rngs::OsRng, &mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A sign-in that happens now.
pub(crate) fn sign_in(oid: Uuid, now: Timestamp) -> SignIn {
    SignIn { oid, session: crate::errors::random_uuid(), at: now }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const URI: &str = "http://localhost:1";

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn granted() -> Granted {
        Granted { sign_in: sign_in(Uuid::nil(), at(0)), scopes: Scopes::parse("openid"), nonce: None }
    }

    fn with_code() -> (Grants, String) {
        let mut grants = Grants::default();
        let challenge = Challenge::parse(Some(VERIFIER), None).unwrap();
        let code = grants.code(granted(), URI, challenge, at(0));
        (grants, code)
    }

    #[test]
    fn a_code_counts_once() {
        let (mut grants, code) = with_code();
        assert!(grants.redeem_code(&code, URI, VERIFIER, at(1)).is_ok());
        assert_eq!(grants.redeem_code(&code, URI, VERIFIER, at(1)).unwrap_err(), Refusal::CodeRedeemed);
        assert_eq!(grants.redeem_code("x", URI, VERIFIER, at(1)).unwrap_err(), Refusal::BadToken("code"));
    }

    #[test]
    fn a_code_needs_its_verifier_its_address_and_its_ten_minutes() {
        let (mut grants, code) = with_code();
        let wrong = VERIFIER.replace('d', "e");
        assert_eq!(grants.redeem_code(&code, URI, &wrong, at(1)).unwrap_err(), Refusal::VerifierMismatch);
        let (mut grants, code) = with_code();
        let other = "http://localhost:2";
        assert_eq!(grants.redeem_code(&code, other, VERIFIER, at(1)).unwrap_err(), Refusal::RedirectDiffers);
        let (mut grants, code) = with_code();
        assert_eq!(grants.redeem_code(&code, URI, VERIFIER, at(10)).unwrap_err(), Refusal::CodeExpired);
    }

    #[test]
    fn a_device_code_goes_from_pending_to_redeemed() {
        let mut grants = Grants::default();
        let (device, user) = grants.device(Scopes::parse("openid"), at(0));
        assert_eq!(grants.poll_device(&device, at(0)).unwrap_err(), Refusal::DevicePending);
        let typed = format!(" {}-{} ", &user[..4].to_lowercase(), &user[4..]);
        grants.waiting(&typed, at(1)).unwrap().approve(sign_in(Uuid::nil(), at(1)));
        assert!(grants.waiting(&user, at(1)).is_none());
        assert!(grants.poll_device(&device, at(1)).unwrap().nonce.is_none());
        assert_eq!(grants.poll_device(&device, at(1)).unwrap_err(), Refusal::CodeRedeemed);
    }

    #[test]
    fn a_device_code_can_be_declined_and_expires() {
        let mut grants = Grants::default();
        let (device, user) = grants.device(Scopes::parse("openid"), at(0));
        assert_eq!(grants.poll_device(&device, at(15)).unwrap_err(), Refusal::DeviceExpired);
        assert!(grants.waiting(&user, at(15)).is_none());
        grants.waiting(&user, at(1)).unwrap().decline();
        assert_eq!(grants.poll_device(&device, at(1)).unwrap_err(), Refusal::DeviceDeclined);
        assert_eq!(grants.poll_device("x", at(1)).unwrap_err(), Refusal::DeviceUnknown);
    }

    #[test]
    fn refresh_tokens_live_ninety_days_and_may_be_used_again() {
        let mut grants = Grants::default();
        let token = grants.refresh_token(granted(), at(0));
        assert!(grants.refresh(&token, at(1)).is_ok() && grants.refresh(&token, at(2)).is_ok());
        assert_eq!(grants.refresh(&token, at(60 * 24 * 90)).unwrap_err(), Refusal::RefreshExpired);
    }
}
