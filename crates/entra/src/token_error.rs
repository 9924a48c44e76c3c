/// Why an ID token proves nothing here: one variant for each problem code that a token can earn.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    #[error("the sign-in has expired; sign in again")]
    Expired,
    #[error("guests of the tenant may not sign in here; use an account of the tenant itself")]
    GuestRefused,
    /// Problem code `token_invalid`.
    #[error("the ID token is not valid: {0}")]
    Invalid(#[from] Flaw),
    #[error("the sign-in is too long ago; sign in again")]
    TooOld,
    /// Problem code `token_invalid`, after the keys were fetched again.
    #[error("the ID token is signed by a key that the issuer does not publish")]
    UnknownKey {
        /// As the token says it; 256 bytes at most.
        kid: String,
    },
    #[error("the ID token is meant for another application; sign in with this CA's client id")]
    WrongAudience,
    #[error("the ID token comes from another issuer than the one this CA trusts")]
    WrongIssuer,
    #[error("the account belongs to a tenant that may not sign in here")]
    WrongTenant,
}

/// What is wrong with a token that no honest issuer would have sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Flaw {
    #[error("only RS256 is accepted")]
    Algorithm,
    #[error("it speaks for an application, not for a person")]
    AppOnly,
    #[error("its claim {0} is missing or has the wrong shape")]
    Claim(&'static str),
    #[error("its header asks for something that is not understood")]
    Header,
    #[error("it was issued in the future; compare the clocks of this server and the issuer")]
    IssuedInFuture,
    #[error("its key belongs to another issuer")]
    KeyIssuer,
    #[error("it is not a signed JSON web token with the claims of OpenID Connect")]
    Malformed,
    #[error("it is not valid yet; compare the clocks of this server and the issuer")]
    NotYetValid,
    #[error("its signature does not fit")]
    Signature,
    #[error("it is longer than any ID token should be")]
    TooLarge,
    #[error("it is not of version 2.0; the application must ask for v2 tokens")]
    Version,
}
