use jiff::Timestamp;
use sallyport_domain::{ConflictReason, Lifetime};

/// Why there is no certificate: what is wrong, and for whom to do what about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Denial {
    #[error("your account name or directory link is in conflict; an administrator has to settle it{}", why(*.reason))]
    Conflict { reason: Option<ConflictReason> },
    #[error(
        "login by device code is off for you; run sallyport login with --no-browser where there is no browser"
    )]
    DeviceLoginOff,
    #[error("a session that began with a device code is not renewed; run: sallyport login")]
    DeviceSession,
    #[error("you were deleted from the directory; ask an administrator")]
    Gone,
    #[error("guests may not log in here")]
    Guest,
    #[error("a lifetime of {asked} seconds is too long; {longest} is the most you can have now")]
    LifetimeTooLong { asked: u64, longest: Lifetime },
    #[error("a lifetime of {asked} seconds is too short; {} is the least", Lifetime::SHORTEST)]
    LifetimeTooShort { asked: u64 },
    #[error("no grant reaches you yet; ask an administrator which group you need")]
    NoGrant,
    #[error(
        "you are in none of the groups whose members are let in here; ask an administrator which one you need"
    )]
    OutOfScope,
    #[error("the session that began with your sign-in ended at {at}; run: sallyport login")]
    SessionEnded { at: Timestamp },
    #[error("your account is suspended; ask an administrator")]
    Suspended,
    #[error(
        "your groups give you {found} principals and a certificate holds 256; an administrator has to assign fewer"
    )]
    TooManyPrincipals { found: usize },
}

fn why(reason: Option<ConflictReason>) -> String {
    reason.map(|reason| format!(" ({reason})")).unwrap_or_default()
}
