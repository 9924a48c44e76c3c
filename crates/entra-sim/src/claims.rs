//! What a token says. Pure: the person, the request and the stamps go in, claims come out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::scope::Scopes;
use crate::tenant::{Tenant, User};

/// Entra writes `iat` and `nbf` five minutes into the past ...
pub(crate) const BACKDATED: SignedDuration = SignedDuration::from_secs(300);
/// ... and ends an ID token 65 minutes after that.
pub(crate) const ID_TOKEN_LIFETIME: SignedDuration = SignedDuration::from_secs(3900);
/// The application id of Microsoft Graph: the audience of an access token without a scope of its own.
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// One sign-in, as far as tokens tell of it.
#[derive(Clone, Debug)]
pub(crate) struct SignIn {
    pub(crate) oid: Uuid,
    pub(crate) session: Uuid,
    pub(crate) at: Timestamp,
}

/// What is new in every token.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    pub(crate) now: Timestamp,
    /// Opaque bytes: `uti`, and material for `aio` and `rh`.
    pub(crate) random: [u8; 48],
}

impl Stamp {
    pub(crate) fn new(now: Timestamp) -> Self {
        let mut random = [0; 48];
        rand::RngCore::fill_bytes(&mut rand::rngs::OsRng, &mut random);
        Self { now, random }
    }

    fn uti(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.random[..16])
    }

    fn aio(&self) -> String {
        format!("ATQ{}", URL_SAFE_NO_PAD.encode(&self.random[16..]))
    }

    fn rh(&self) -> String {
        format!("1.A{}.", URL_SAFE_NO_PAD.encode(&self.random[8..40]))
    }
}

/// The claims of a v2.0 ID token. `nonce` only when the request had one.
pub(crate) fn id_token(
    tenant: &Tenant,
    issuer: &str,
    user: &User,
    sign_in: &SignIn,
    scopes: &Scopes,
    nonce: Option<&str>,
    stamp: &Stamp,
) -> Map<String, Value> {
    let iat = saturating_sub(stamp.now, BACKDATED).as_second();
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    put("aud", json!(tenant.client_id));
    put("iss", json!(issuer));
    put("iat", json!(iat));
    put("nbf", json!(iat));
    put("exp", json!(iat + ID_TOKEN_LIFETIME.as_secs()));
    put("aio", json!(stamp.aio()));
    put("rh", json!(stamp.rh()));
    put("sub", json!(pairwise(tenant.client_id, user.oid)));
    put("uti", json!(stamp.uti()));
    put("ver", json!("2.0"));
    if let Some(idp) = user.identity_provider() {
        put("idp", json!(idp));
    }
    if let Some(nonce) = nonce {
        put("nonce", json!(nonce));
    }
    if scopes.has("profile") {
        put("oid", json!(user.oid));
        put("tid", json!(tenant.tenant));
        put("preferred_username", json!(user.sign_in_name()));
        put("name", json!(user.display_name()));
    }
    let optional = |name: &str| tenant.app.optional_claims.contains(name);
    if user.guest || optional("email") || scopes.has("email") {
        put("email", json!(user.mail()));
    }
    if optional("acct") {
        put("acct", json!(u8::from(user.guest)));
    }
    if optional("auth_time") {
        put("auth_time", json!(sign_in.at.as_second()));
    }
    if optional("sid") {
        put("sid", json!(sign_in.session));
    }
    if optional("upn") && !user.guest {
        put("upn", json!(user.upn));
    }
    claims
}

/// The claims of an access token for Microsoft Graph, which is opaque to everybody but Graph.
pub(crate) fn graph_access_token(
    tenant: &Tenant,
    user: &User,
    scopes: &Scopes,
    stamp: &Stamp,
    lifetime: i64,
) -> Map<String, Value> {
    let iat = saturating_sub(stamp.now, BACKDATED).as_second();
    let claims = json!({
        "aud": GRAPH,
        "iss": format!("https://sts.windows.net/{}/", tenant.tenant),
        "iat": iat,
        "nbf": iat,
        "exp": stamp.now.as_second() + lifetime,
        "appid": tenant.client_id,
        "appidacr": "0",
        "idtyp": "user",
        "oid": user.oid,
        "scp": scopes.granted(),
        "tid": tenant.tenant,
        "uti": stamp.uti(),
        "ver": "1.0",
    });
    claims.as_object().cloned().unwrap_or_default()
}

/// `sub` is a different name for the same person in each application.
pub(crate) fn pairwise(client: Uuid, oid: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("sub {client} {oid}")))
}

pub(crate) fn saturating_sub(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

pub(crate) fn saturating_add(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::Password;

    fn fixture(optional: &[&str], guest: bool, scope: &str, nonce: Option<&str>) -> Map<String, Value> {
        let file =
            "tenant='7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311'\nclient_id='c11e0001-5a5a-4b4b-8c8c-0000000000c1'";
        let mut tenant = Tenant::from_toml(file).unwrap();
        tenant.app.optional_claims = optional.iter().map(|&claim| claim.to_owned()).collect();
        let user = "oid='0a0a0a0a-1111-4222-8333-444455556666'\nupn='mara.lind@contoso.test'\npassword='x'\n\
                    given_name='Mara'\nfamily_name='Lind'";
        let mut user: User = toml::from_str(user).unwrap();
        user.guest = guest;
        assert!(user.password == Password::new("x"));
        let now: Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
        let sign_in = SignIn { oid: user.oid, session: Uuid::nil(), at: now };
        let stamp = Stamp { now, random: [7; 48] };
        id_token(&tenant, "http://sim.test/t/v2.0", &user, &sign_in, &Scopes::parse(scope), nonce, &stamp)
    }

    #[test]
    fn times_are_those_of_entra() {
        let claims = fixture(&[], false, "openid profile", None);
        let now = "2026-11-21T09:00:00Z".parse::<Timestamp>().unwrap().as_second();
        assert_eq!(claims["iat"], json!(now - 300));
        assert_eq!(claims["nbf"], claims["iat"]);
        assert_eq!(claims["exp"], json!(now - 300 + 3900));
    }

    #[test]
    fn who_it_is_needs_the_profile_scope() {
        let claims = fixture(&[], false, "openid", None);
        for absent in
            ["oid", "tid", "name", "preferred_username", "nonce", "idp", "acct", "email", "auth_time"]
        {
            assert!(!claims.contains_key(absent), "{absent}");
        }
        let claims = fixture(&[], false, "openid profile", Some("n"));
        assert_eq!(claims["oid"], "0a0a0a0a-1111-4222-8333-444455556666");
        assert_eq!(claims["tid"], "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311");
        assert_eq!(claims["preferred_username"], "mara.lind@contoso.test");
        assert_eq!(claims["nonce"], "n");
        assert_eq!(claims["ver"], "2.0");
    }

    #[test]
    fn guests_are_marked() {
        let claims = fixture(&["acct", "auth_time"], true, "openid profile", None);
        assert_eq!(claims["acct"], 1);
        assert!(claims["idp"].as_str().unwrap().starts_with("https://sts.windows.net/"));
        assert_eq!(claims["email"], "mara.lind@contoso.test");
        assert!(claims.contains_key("auth_time"));
    }
}
