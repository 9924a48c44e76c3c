use std::fmt::Write;

use proptest::prelude::*;
use sallyport_domain::{Extension, Lifetime, Principals};
use sallyport_issuance::{
    CaKey, CaKeyError, CriticalOptions, HostCertificate, HostProfile, NotRecorded, OptionError, ProfileError,
    Receipt, Recorded, SealError, TbsError, UserCertificate, UserProfile,
};
use sha2::{Digest, Sha256};
use ssh_key::Certificate;

use crate::fixture::{
    ISSUED_AT, at, ca, host_certificate, host_profile, issue_user, plain_key, private_key, rng, security_key,
    user_certificate, user_profile,
};

fn approve(certificate: &UserCertificate) -> Result<sallyport_issuance::Approved, ProfileError> {
    user_profile().approve(&plain_key(), certificate, ca().public(), &mut rng(6))
}

fn tbs() -> Vec<u8> {
    approve(&user_certificate()).unwrap().tbs().to_vec()
}

#[test]
fn an_issued_certificate_says_what_was_asked() {
    let wish = user_certificate();
    let issued = issue_user(&plain_key(), &wish);
    assert_eq!((issued.serial, issued.valid_after), (wish.serial, wish.valid_after));
    assert_eq!((issued.valid_before, issued.principals), (wish.valid_before, wish.principals.to_strings()));
    let read = Certificate::from_openssh(&issued.line).unwrap();
    let ca = ca().public().public_key().fingerprint(ssh_key::HashAlg::Sha256);
    let now = u64::try_from(ISSUED_AT).unwrap();
    read.validate_at(now, [&ca]).unwrap();
    assert_eq!(read.public_key(), plain_key().public_key().key_data());
}

#[test]
fn only_the_recorded_bytes_can_be_signed() {
    let other = Receipt::for_tbs(b"other bytes");
    assert_eq!(approve(&user_certificate()).unwrap().recorded(&other).unwrap_err(), NotRecorded);
    let mut almost = tbs();
    *almost.last_mut().unwrap() ^= 1;
    let receipt = Receipt::for_tbs(&almost);
    assert_eq!(approve(&user_certificate()).unwrap().recorded(&receipt).unwrap_err(), NotRecorded);
}

#[test]
fn the_digest_is_sha256_of_the_bytes() {
    let approved = approve(&user_certificate()).unwrap();
    let mut hex = String::new();
    for byte in Sha256::digest(approved.tbs()) {
        write!(hex, "{byte:02x}").unwrap();
    }
    assert_eq!(approved.digest().to_string(), hex);
}

#[test]
fn a_retry_gives_the_very_same_certificate() {
    let first = issue_user(&plain_key(), &user_certificate());
    let again = Recorded::from_store(tbs()).unwrap();
    assert_eq!(again.tbs(), tbs());
    assert_eq!(again.sign(&ca()).unwrap(), first);
}

#[test]
fn two_approvals_of_one_wish_differ() {
    let mut rng = rng(6);
    let mut once = || {
        let approved =
            user_profile().approve(&plain_key(), &user_certificate(), ca().public(), &mut rng).unwrap();
        approved.tbs().to_vec()
    };
    assert_ne!(once(), once());
}

#[test]
fn another_ca_key_signs_nothing_of_this_one() {
    let other = CaKey::new(&private_key(9)).unwrap();
    let recorded = Recorded::from_store(tbs()).unwrap();
    assert_eq!(recorded.sign(&other).unwrap_err(), SealError::OtherCa);
}

#[test]
fn the_window_has_an_order_and_a_ceiling() {
    let wish = user_certificate;
    let longest = ISSUED_AT + 24 * 3600;
    assert!(approve(&UserCertificate { valid_before: at(longest), ..wish() }).is_ok());
    let refused = [
        UserCertificate { valid_before: at(longest + 1), ..wish() },
        UserCertificate { valid_after: at(0), ..wish() },
    ];
    for certificate in refused {
        assert!(matches!(approve(&certificate), Err(ProfileError::TooLong { .. })));
    }
    let backwards = [
        UserCertificate { valid_before: wish().valid_after, ..wish() },
        UserCertificate { valid_before: at(ISSUED_AT - 301), ..wish() },
        UserCertificate { valid_after: at(-1), valid_before: at(100), ..wish() },
    ];
    for certificate in backwards {
        assert_eq!(approve(&certificate).unwrap_err(), ProfileError::Window);
    }
}

#[test]
fn a_profile_has_a_ceiling_of_its_own() {
    let days = |days: u64| Lifetime::from_seconds(days * 24 * 3600).unwrap();
    assert!(UserProfile::new(days(7)).is_ok() && HostProfile::new(days(366)).is_ok());
    assert!(matches!(UserProfile::new(days(8)), Err(ProfileError::Ceiling { .. })));
    assert!(matches!(HostProfile::new(days(367)), Err(ProfileError::Ceiling { .. })));
}

#[test]
fn what_only_a_security_key_can_keep_is_promised_for_no_other() {
    let verify = CriticalOptions { verify_required: true, ..CriticalOptions::default() };
    let wishes = [
        UserCertificate { critical_options: verify, ..user_certificate() },
        UserCertificate { extensions: [Extension::NoTouchRequired].into(), ..user_certificate() },
    ];
    for wish in wishes {
        assert!(matches!(approve(&wish), Err(ProfileError::NeedsSecurityKey(_))));
        assert!(user_profile().approve(&security_key(), &wish, ca().public(), &mut rng(6)).is_ok());
    }
    let host = host_profile().approve(&security_key(), &host_certificate(), ca().public(), &mut rng(6));
    assert_eq!(host.unwrap_err(), ProfileError::HostKey);
}

#[test]
fn a_host_has_names_and_none_twice() {
    let approve = |names: Vec<&str>| {
        let names = names.into_iter().map(|name| name.parse().unwrap()).collect();
        let wish = HostCertificate { names, ..host_certificate() };
        host_profile().approve(&plain_key(), &wish, ca().public(), &mut rng(6))
    };
    assert!(approve(vec!["a", "b"]).is_ok());
    for names in [vec![], vec!["a", "A"], vec!["a"; 257]] {
        assert_eq!(approve(names).unwrap_err(), ProfileError::Names);
    }
}

#[test]
fn too_many_source_addresses_are_refused() {
    let source_address = vec!["192.0.2.7/32".parse().unwrap(); 400];
    let wish = UserCertificate {
        critical_options: CriticalOptions { source_address, ..CriticalOptions::default() },
        ..user_certificate()
    };
    assert_eq!(approve(&wish).unwrap_err(), ProfileError::Option(OptionError::Address));
}

#[test]
fn the_largest_certificate_goes_through() {
    let principals = (0..256).map(|n| format!("g:{n:0>126}").parse().unwrap()).collect();
    let wish = UserCertificate { principals: Principals::new(principals).unwrap(), ..user_certificate() };
    assert_eq!(issue_user(&plain_key(), &wish).principals.len(), 256);
}

/// Each row swaps some bytes of a stored content for others of the same length.
#[test]
fn stored_content_that_no_profile_made_is_refused() {
    let rows: [(&'static str, &[u8], &[u8]); 9] = [
        ("principal", b"mara.lind\0", b"mara,lind\0"),
        ("principal", b"mara.lind\0", b"mara lind\0"),
        ("option", b"permit-pty", b"permit-pts"),
        ("serial", &77_u64.to_be_bytes(), &0_u64.to_be_bytes()),
        ("key id", b"@contoso.test", b"\ncontoso.test"),
        ("CA key", b"\0\0\0\x0bssh-ed25519\0\0\0\x20", b"\0\0\0\x0bssh-ed25518\0\0\0\x20"),
        ("validity", &(16 * 3600 + ISSUED_AT).to_be_bytes(), &1_i64.to_be_bytes()),
        ("validity", &(16 * 3600 + ISSUED_AT).to_be_bytes(), &(1_i64 << 56).to_be_bytes()),
        ("validity", &(16 * 3600 + ISSUED_AT).to_be_bytes(), &(-1_i64).to_be_bytes()),
    ];
    for (field, from, to) in rows {
        let mut bytes = tbs();
        let place = bytes.windows(from.len()).position(|window| window == from).unwrap();
        bytes[place..place + from.len()].copy_from_slice(to);
        assert_eq!(Recorded::from_store(bytes).unwrap_err(), TbsError::Field(field));
    }
    let mut longer = tbs();
    longer.push(0);
    for bytes in [Vec::new(), longer, tbs()[1..].to_vec(), vec![0; 200_000]] {
        assert_eq!(Recorded::from_store(bytes).unwrap_err(), TbsError::Malformed);
    }
}

#[test]
fn a_ca_key_is_plain_ed25519_and_does_not_print() {
    let key = ca();
    let text = format!("{key:?} {:?}", key.public());
    assert!(text.starts_with("CaKey(SHA256:"), "{text}");
    let ecdsa = ssh_key::Algorithm::Ecdsa { curve: ssh_key::EcdsaCurve::NistP256 };
    let other = ssh_key::PrivateKey::random(&mut rng(8), ecdsa).unwrap();
    assert_eq!(CaKey::new(&other).unwrap_err(), CaKeyError::NotEd25519);
}

proptest! {
    #[test]
    fn any_altered_content_is_refused_or_signed_as_it_is(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = tbs();
        *place.get_mut(&mut bytes) = byte;
        if let Ok(recorded) = Recorded::from_store(bytes.clone()) {
            prop_assert_eq!(recorded.tbs(), &bytes);
            match recorded.sign(&ca()) {
                Ok(issued) => prop_assert!(Certificate::from_openssh(&issued.line).is_ok()),
                Err(error) => prop_assert_eq!(error, SealError::OtherCa),
            }
        }
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Recorded::from_store(bytes).is_err());
    }
}
