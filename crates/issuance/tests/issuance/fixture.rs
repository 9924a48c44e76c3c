use jiff::Timestamp;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sallyport_domain::{Extension, Lifetime, Principals, RequestId, Serial, UserId};
use sallyport_issuance::{
    CaKey, CriticalOptions, HostCertificate, HostProfile, IssuedCertificate, KeyId, PlainKey, Receipt,
    UserCertificate, UserProfile,
};
use ssh_key::public::{KeyData, SkEd25519};
use ssh_key::{Algorithm, PrivateKey, PublicKey};

/// 2027-01-15T08:00:00Z
pub(crate) const ISSUED_AT: i64 = 1_800_000_000;

pub(crate) fn rng(seed: u8) -> ChaCha8Rng {
    ChaCha8Rng::from_seed([seed; 32])
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(crate) fn private_key(seed: u8) -> PrivateKey {
    PrivateKey::random(&mut rng(seed), Algorithm::Ed25519).unwrap()
}

pub(crate) fn ca() -> CaKey {
    CaKey::new(&private_key(1)).unwrap()
}

pub(crate) fn plain_key() -> PlainKey {
    PlainKey::parse(&private_key(2).public_key().to_openssh().unwrap()).unwrap()
}

/// The public half of a security key; nothing here signs with it.
pub(crate) fn security_key() -> PlainKey {
    let point = *private_key(3).public_key().key_data().ed25519().unwrap();
    let key = PublicKey::from(KeyData::SkEd25519(SkEd25519::new(point, "ssh:")));
    PlainKey::parse(&key.to_openssh().unwrap()).unwrap()
}

pub(crate) fn user_profile() -> UserProfile {
    UserProfile::new(Lifetime::from_seconds(24 * 3600).unwrap()).unwrap()
}

pub(crate) fn host_profile() -> HostProfile {
    HostProfile::new(Lifetime::from_seconds(30 * 24 * 3600).unwrap()).unwrap()
}

pub(crate) fn user_certificate() -> UserCertificate {
    let user = UserId::generate(at(1), &mut rng(4));
    let request = RequestId::generate(at(2), &mut rng(5));
    let principals = [user.into(), "mara.lind".parse().unwrap()].into_iter().collect();
    UserCertificate {
        serial: Serial::new(77).unwrap(),
        key_id: KeyId::of_user(user, "mara.lind@contoso.test", request),
        principals: Principals::new(principals).unwrap(),
        valid_after: at(ISSUED_AT - 300),
        valid_before: at(ISSUED_AT + 16 * 3600),
        extensions: Extension::DEFAULT.into_iter().collect(),
        critical_options: CriticalOptions::default(),
    }
}

pub(crate) fn host_certificate() -> HostCertificate {
    HostCertificate {
        serial: Serial::new(78).unwrap(),
        key_id: "sallyport v1 h:01 web-1 req=02".parse().unwrap(),
        names: vec!["web-1.corp.test".parse().unwrap(), "alpha".parse().unwrap()],
        valid_after: at(ISSUED_AT - 300),
        valid_before: at(ISSUED_AT + 30 * 24 * 3600),
    }
}

/// All the steps with a store that keeps everything.
pub(crate) fn issue_user(key: &PlainKey, certificate: &UserCertificate) -> IssuedCertificate {
    let approved = user_profile().approve(key, certificate, ca().public(), &mut rng(6)).unwrap();
    let receipt = Receipt::for_tbs(approved.tbs());
    approved.recorded(&receipt).unwrap().sign(&ca()).unwrap()
}

pub(crate) fn issue_host(key: &PlainKey, certificate: &HostCertificate) -> IssuedCertificate {
    let approved = host_profile().approve(key, certificate, ca().public(), &mut rng(6)).unwrap();
    let receipt = Receipt::for_tbs(approved.tbs());
    approved.recorded(&receipt).unwrap().sign(&ca()).unwrap()
}
