use hmac::{Hmac, Mac};
use rsa::pkcs1v15::SigningKey as Rs;
use rsa::pkcs8::EncodePublicKey;
use rsa::signature::{SignatureEncoding, Signer};
use rsa::{RsaPrivateKey, sha2};
use serde_json::{Value, json};

use super::*;
use crate::minting::{
    CLIENT, ISSUER, KID, NOW, PERSON, TENANT, claims, expect, header, jwk, key, mint, mint_raw, now,
    other_key, signing_input, text, with,
};

fn key_set() -> KeySet {
    keys_of(&json!({"keys": [jwk("key-0", other_key()), jwk(KID, key())]}))
}

fn keys_of(set: &Value) -> KeySet {
    KeySet::from_json(set.to_string().as_bytes()).unwrap()
}

fn judge(token: &str) -> Result<Verified, TokenError> {
    verify(token, &key_set(), &expect(), now())
}

/// A token that is good but for these claims.
fn judge_with(changes: Value) -> Result<Verified, TokenError> {
    judge(&mint(&header(), &with(claims(), changes), key()))
}

fn judge_header(changes: Value) -> Result<Verified, TokenError> {
    judge(&mint(&with(header(), changes), &claims(), key()))
}

fn flaw(flaw: Flaw) -> Result<Verified, TokenError> {
    Err(TokenError::Invalid(flaw))
}

#[test]
fn good() {
    let verified = judge(&mint(&header(), &claims(), key())).unwrap();
    assert_eq!(verified.subject.tenant.to_string(), TENANT);
    assert_eq!(verified.subject.object.to_string(), PERSON);
    assert_eq!(verified.token_id.as_str(), "uti:u7yH2mVQ0EadYk9uYiUBAA");
    assert_eq!(verified.issuer, ISSUER);
    assert_eq!(verified.nonce.as_deref(), Some("n-0S6_WzA2Mj"));
    assert_eq!(verified.preferred_username.as_deref(), Some("mara.lind@contoso.test"));
    assert_eq!(verified.name.as_deref(), Some("Mara Lind"));
    assert_eq!(verified.issued_at.as_second(), NOW - 300);
    assert_eq!(verified.expires_at.as_second(), NOW + 3600);
}

#[test]
fn good_without_what_is_optional() {
    let bare = judge_with(json!({
        "ver": null, "nbf": null, "uti": null, "nonce": null, "preferred_username": null, "name": null,
        "acct": 0, "idtyp": "user", "idp": ISSUER,
    }));
    let bare = bare.unwrap();
    assert_eq!((bare.nonce, bare.preferred_username, bare.name), (None, None, None));
    assert!(bare.token_id.as_str().starts_with("sha256:"), "{}", bare.token_id);
}

#[test]
fn wrong_tid() {
    let elsewhere = "11111111-2222-4333-8444-555555555555";
    assert_eq!(judge_with(json!({"tid": elsewhere})), Err(TokenError::WrongTenant));
    // A key without `issuer`, as other providers publish it: only the allow-list speaks.
    let keys = keys_of(&json!({"keys": [with(jwk(KID, key()), json!({"issuer": null}))]}));
    let token = mint(&header(), &with(claims(), json!({"tid": elsewhere})), key());
    assert_eq!(verify(&token, &keys, &expect(), now()), Err(TokenError::WrongTenant));
    let nobody = Expect { tenants: Vec::new(), ..expect() };
    assert_eq!(
        verify(&mint(&header(), &claims(), key()), &keys, &nobody, now()),
        Err(TokenError::WrongTenant)
    );
}

#[test]
fn wrong_aud() {
    for aud in [json!("someone-else"), json!([]), json!([CLIENT, "someone-else"]), Value::Null] {
        assert_eq!(judge_with(json!({"aud": aud})), Err(TokenError::WrongAudience), "{aud}");
    }
    assert!(judge_with(json!({"aud": [CLIENT]})).is_ok());
}

#[test]
fn wrong_iss() {
    for iss in [
        "https://login.evil.test/v2.0".to_owned(),
        format!("{ISSUER}/"),
        ISSUER.to_uppercase(),
        ISSUER.replace("contoso.test/", "contoso.test:443/"),
        ISSUER.replace(TENANT, "{tenantid}"),
    ] {
        assert_eq!(judge_with(json!({"iss": iss})), Err(TokenError::WrongIssuer), "{iss}");
    }
}

#[test]
fn version_1() {
    assert_eq!(judge_with(json!({"ver": "1.0"})), flaw(Flaw::Version));
    let v1 = json!({"ver": "1.0", "iss": format!("https://sts.windows.test/{TENANT}/")});
    assert_eq!(judge_with(v1), Err(TokenError::WrongIssuer));
}

#[test]
fn app_only() {
    assert_eq!(judge_with(json!({"idtyp": "app"})), flaw(Flaw::AppOnly));
    assert_eq!(judge_with(json!({"idtyp": "device"})), flaw(Flaw::AppOnly));
}

#[test]
fn guest_by_acct_and_by_idp() {
    let guests = [
        json!({"acct": 1}),
        json!({"acct": "1"}),
        json!({"acct": 7}),
        json!({"acct": true}),
        json!({"idp": "https://login.contoso.test/another-tenant/v2.0"}),
        json!({"acct": 0, "idp": "live.com"}),
    ];
    for guest in guests {
        let token = mint(&header(), &with(claims(), guest.clone()), key());
        assert_eq!(judge(&token), Err(TokenError::GuestRefused), "{guest}");
        let allowed = Expect { guests: true, ..expect() };
        assert!(verify(&token, &key_set(), &allowed, now()).is_ok(), "{guest}");
    }
}

#[test]
fn missing_or_strange_identity() {
    assert_eq!(judge_with(json!({"oid": null})), flaw(Flaw::Claim("oid")));
    assert_eq!(judge_with(json!({"tid": null})), flaw(Flaw::Claim("tid")));
    assert_eq!(judge_with(json!({"oid": "mara.lind@contoso.test"})), flaw(Flaw::Claim("oid")));
    assert_eq!(judge_with(json!({"oid": [PERSON]})), flaw(Flaw::Malformed));
}

#[test]
fn missing_times() {
    assert_eq!(judge_with(json!({"iat": null})), flaw(Flaw::Malformed));
    assert_eq!(judge_with(json!({"exp": null})), flaw(Flaw::Malformed));
}

#[test]
fn alg_none() {
    let header = with(header(), json!({"alg": "none"})).to_string();
    let input = signing_input(&header, &claims().to_string());
    assert_eq!(judge(&format!("{input}.")), flaw(Flaw::Algorithm));
    assert_eq!(judge(&mint_raw(&header, &claims().to_string(), key())), flaw(Flaw::Algorithm));
    assert_eq!(judge_header(json!({"alg": "nOnE"})), flaw(Flaw::Malformed));
}

#[test]
fn hs256_with_the_public_key_as_secret() {
    let header = with(header(), json!({"alg": "HS256"})).to_string();
    let input = signing_input(&header, &claims().to_string());
    let public = key().to_public_key();
    let pem = public.to_public_key_pem(rsa::pkcs8::LineEnding::LF).unwrap();
    let der = public.to_public_key_der().unwrap();
    for secret in [pem.as_bytes(), der.as_bytes(), CLIENT.as_bytes(), b""] {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
        mac.update(input.as_bytes());
        let token = format!("{input}.{}", text(&mac.finalize().into_bytes()));
        assert_eq!(judge(&token), flaw(Flaw::Algorithm));
    }
}

#[test]
fn rs512() {
    let header = with(header(), json!({"alg": "RS512"})).to_string();
    let input = signing_input(&header, &claims().to_string());
    let signature = Rs::<sha2::Sha512>::new(key().clone()).sign(input.as_bytes());
    assert_eq!(judge(&format!("{input}.{}", text(&signature.to_bytes()))), flaw(Flaw::Algorithm));
}

#[test]
fn unknown_kid() {
    let unknown = Err(TokenError::UnknownKey { kid: "key-2".to_owned() });
    assert_eq!(judge_header(json!({"kid": "key-2"})), unknown);
    let token = mint(&header(), &claims(), key());
    let none = verify(&token, &KeySet::default(), &expect(), now());
    assert_eq!(none, Err(TokenError::UnknownKey { kid: KID.to_owned() }));
}

#[test]
fn a_token_for_others_never_asks_for_keys() {
    let header = with(header(), json!({"kid": "key-2"}));
    let foreign = mint(&header, &with(claims(), json!({"iss": "https://login.evil.test"})), key());
    assert_eq!(judge(&foreign), Err(TokenError::WrongIssuer));
    let foreign = mint(&header, &with(claims(), json!({"aud": "someone-else"})), key());
    assert_eq!(judge(&foreign), Err(TokenError::WrongAudience));
}

#[test]
fn missing_kid() {
    assert_eq!(judge_header(json!({"kid": null})), flaw(Flaw::Header));
    assert_eq!(judge_header(json!({"kid": ""})), flaw(Flaw::Header));
    assert_eq!(judge_header(json!({"kid": "k".repeat(257)})), flaw(Flaw::Header));
}

#[test]
fn signed_by_another_key_of_the_same_issuer() {
    assert_eq!(judge(&mint(&header(), &claims(), other_key())), flaw(Flaw::Signature));
}

#[test]
fn header_that_brings_its_own_key_or_conditions() {
    let own = json!({"jwk": jwk("mine", other_key()), "jku": "https://evil.test/keys"});
    assert_eq!(judge(&mint(&with(header(), own), &claims(), other_key())), flaw(Flaw::Signature));
    assert_eq!(judge_header(json!({"crit": ["exp"]})), flaw(Flaw::Header));
    assert_eq!(judge_header(json!({"typ": "at+jwt"})), flaw(Flaw::Header));
}

#[test]
fn key_issuer_mismatch() {
    let consumers = "https://login.contoso.test/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0";
    for (issuer, good) in
        [(consumers, false), (ISSUER, true), ("https://login.contoso.test/{tenantid}/v2.0", true)]
    {
        let keys = keys_of(&json!({"keys": [with(jwk(KID, key()), json!({"issuer": issuer}))]}));
        let outcome = verify(&mint(&header(), &claims(), key()), &keys, &expect(), now());
        let wanted = if good { Ok(()) } else { Err(TokenError::Invalid(Flaw::KeyIssuer)) };
        assert_eq!(outcome.map(|_| ()), wanted, "{issuer}");
    }
}

#[test]
fn a_tenant_that_is_allowed_must_still_be_the_keys_own() {
    let elsewhere = "11111111-2222-4333-8444-555555555555";
    let both = Expect { tenants: vec![TENANT.parse().unwrap(), elsewhere.parse().unwrap()], ..expect() };
    let token = mint(&header(), &with(claims(), json!({"tid": elsewhere})), key());
    assert_eq!(verify(&token, &key_set(), &both, now()), flaw(Flaw::KeyIssuer));
}

#[test]
fn expiry_and_its_tolerance() {
    // Issued lately, so that only `exp` decides.
    for (exp, good) in [(NOW - 119, true), (NOW - 120, false), (NOW - 3600, false), (NOW + 1, true)] {
        let outcome = judge_with(json!({"exp": exp})).map(|_| ());
        assert_eq!(outcome, if good { Ok(()) } else { Err(TokenError::Expired) }, "{}", exp - NOW);
    }
}

#[test]
fn not_yet_valid_and_issued_in_the_future() {
    assert!(judge_with(json!({"nbf": NOW + 120})).is_ok());
    assert_eq!(judge_with(json!({"nbf": NOW + 121})), flaw(Flaw::NotYetValid));
    assert_eq!(judge_with(json!({"nbf": "soon"})), flaw(Flaw::Claim("nbf")));
    assert!(judge_with(json!({"iat": NOW + 120})).is_ok());
    assert_eq!(judge_with(json!({"iat": NOW + 121})), flaw(Flaw::IssuedInFuture));
}

#[test]
fn iat_too_old() {
    assert!(judge_with(json!({"iat": NOW - 900})).is_ok());
    assert_eq!(judge_with(json!({"iat": NOW - 901})), Err(TokenError::TooOld));
    // Both: the plainer reason is told.
    assert_eq!(judge_with(json!({"iat": NOW - 4200, "exp": NOW - 300})), Err(TokenError::Expired));
}

#[test]
fn times_beyond_reason() {
    for strange in
        [json!(i64::MAX), json!(i64::MIN), json!(1e300), json!(-1e300), json!(0), json!("1800000000")]
    {
        for claim in ["exp", "iat", "nbf"] {
            // What matters is that there is an answer; an `exp` in the far future is the issuer's affair.
            let outcome = judge_with(json!({ claim: strange }));
            let fine = claim == "nbf" && outcome.is_ok() || outcome.is_err();
            assert!(fine, "{claim} = {strange}: {outcome:?}");
        }
    }
}

#[test]
fn oversize() {
    let bulky = json!({"groups": vec![PERSON; 400]});
    assert_eq!(judge_with(bulky), flaw(Flaw::TooLarge));
    let full = json!({"groups": vec![PERSON; 200]});
    assert!(judge_with(full).is_ok());
}

#[test]
fn garbage() {
    let good = mint(&header(), &claims(), key());
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let five_parts = format!("{good}.x.y");
    for token in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "é.é.é",
        &"a".repeat(LARGEST_TOKEN),
        &five_parts,
        &good[1..],
        &mint_raw(&deep, &claims().to_string(), key()),
        &mint_raw(&header().to_string(), &deep, key()),
        &mint_raw(&header().to_string(), "null", key()),
        &mint_raw(&header().to_string(), "{\"iss\":1}", key()),
        &mint_raw("{\"kid\":\"key-1\",\"alg\":[]}", &claims().to_string(), key()),
    ] {
        let outcome = judge(token);
        assert!(matches!(outcome, Err(TokenError::Invalid(_))), "{token}: {outcome:?}");
    }
}

#[test]
fn duplicate_claims_do_not_panic() {
    let twice = |extra: &str| {
        let text = claims().to_string();
        mint_raw(&header().to_string(), &format!("{{{extra},{}", &text[1..]), key())
    };
    for extra in ["\"iss\":\"https://login.evil.test\"", "\"aud\":\"someone-else\"", "\"exp\":1", "\"oid\":1"]
    {
        assert!(judge(&twice(extra)).is_err(), "{extra}");
    }
}

#[test]
fn every_cut_of_a_good_token_is_refused() {
    let good = mint(&header(), &claims(), key());
    for end in 0..good.len() {
        assert!(judge(&good[..end]).is_err(), "the first {end} characters pass");
    }
}

#[test]
fn respelt_base64_is_the_same_token_or_none() {
    let without_uti = with(claims(), json!({"uti": null}));
    let token = mint(&header(), &without_uti, key());
    let first = judge(&token).unwrap().token_id;
    // 256 bytes leave four unused bits in the last character, and an encoder that sets them is not noticed.
    let last = token.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let start = alphabet.find(last).unwrap() / 16 * 16;
    let mut accepted = 0;
    for respelling in alphabet[start..start + 16].chars() {
        let respelt = format!("{}{respelling}", &token[..token.len() - 1]);
        if let Ok(verified) = judge(&respelt) {
            accepted += 1;
            assert_eq!(verified.token_id, first);
        }
    }
    assert_eq!(accepted, 16, "the respelling that this is about did not happen");

    // The same in the parts that are signed breaks the signature, whatever it decodes to.
    for padding in ["", " ", "  "] {
        let claims = format!("{without_uti}{padding}");
        let token = mint_raw(&header().to_string(), &claims, key());
        let (input, signature) = token.rsplit_once('.').unwrap();
        let (head, body) = input.split_once('.').unwrap();
        let last = body.chars().last().unwrap();
        let at = alphabet.find(last).unwrap();
        let respelt =
            format!("{head}.{}{}.{signature}", &body[..body.len() - 1], &alphabet[(at ^ 1)..=(at ^ 1)]);
        assert!(judge(&respelt).is_err());
    }
}

#[test]
fn tokens_without_uti_have_ids_of_their_own() {
    let id = |uti: Value, nonce: &str| {
        judge_with(json!({"uti": uti, "nonce": nonce})).unwrap().token_id.as_str().to_owned()
    };
    assert_ne!(id(Value::Null, "a"), id(Value::Null, "b"));
    assert_eq!(id(json!("x"), "a"), id(json!("x"), "b"));
    for unusable in [json!(""), json!("u".repeat(257))] {
        assert!(id(unusable, "a").starts_with("sha256:"));
    }
    assert_eq!(id(json!("sha256:00"), "a"), "uti:sha256:00");
}

#[test]
fn keys_that_cannot_be_trusted_are_left_out() {
    let mut rng = <rand_chacha::ChaCha8Rng as rand::SeedableRng>::from_seed([7; 32]);
    let small = RsaPrivateKey::new(&mut rng, 1024).unwrap();
    let set = json!({"keys": [
        jwk("small", &small),
        with(jwk("enc", key()), json!({"use": "enc"})),
        with(jwk("ps", key()), json!({"alg": "PS256"})),
        with(jwk("nameless", key()), json!({"kid": null})),
        {"kty": "EC", "kid": "ec", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"},
        "nonsense",
        with(jwk("plain", key()), json!({"use": null, "alg": "RS256", "issuer": null})),
    ]});
    let keys = keys_of(&set);
    assert_eq!(keys.len(), 1);
    assert!(keys.find("plain").is_some());
    assert!(KeySet::from_json(b"[]").is_err());
}

#[test]
fn an_error_does_not_repeat_the_token() {
    let token = mint(&header(), &with(claims(), json!({"oid": null})), key());
    let error = judge(&token).unwrap_err();
    let said = format!("{error} {error:?}");
    assert!(!said.contains(&token[..20]) && !said.contains("Mara"), "{said}");
}
