//! What sshd and the agent rely on: our list revokes what it names, nothing else, and never reads as less than it is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use jiff::Timestamp;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sallyport_domain::{Generation, Serial};
use sallyport_krl::{Krl, KrlError, LARGEST, MOST_SERIALS};
use ssh_key::{Algorithm, PrivateKey, PublicKey};

const GENERATED_AT: i64 = 1_800_000_000;

/// Magic, format, version, time, flags, two empty strings.
const HEADER: usize = 8 + 4 + 8 + 8 + 8 + 4 + 4;

fn ca() -> PublicKey {
    let mut key = PrivateKey::random(&mut ChaCha8Rng::from_seed([42; 32]), Algorithm::Ed25519).unwrap();
    key.set_comment("a comment is not part of the list");
    key.public_key().clone()
}

fn serials(numbers: impl IntoIterator<Item = u64>) -> BTreeSet<Serial> {
    numbers.into_iter().map(|number| Serial::new(number).unwrap()).collect()
}

fn krl_of(ca: &PublicKey, numbers: impl IntoIterator<Item = u64>) -> Krl {
    let at = Timestamp::new(GENERATED_AT, 999_999_999).unwrap();
    Krl::new(Generation::new(17), at, ca, serials(numbers)).unwrap()
}

fn krl(numbers: impl IntoIterator<Item = u64>) -> Krl {
    krl_of(&ca(), numbers)
}

fn string(content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
}

/// A list whose certificates section goes on with `rest`.
fn with_sections(rest: &[u8]) -> Vec<u8> {
    let header = krl([]).encode().unwrap()[..HEADER].to_vec();
    let section = [string(&ca().to_bytes().unwrap()), string(b""), rest.to_vec()].concat();
    [header, vec![1], string(&section)].concat()
}

// === sshd's reading ===

fn ssh_keygen(dir: &Path, arguments: &[&str]) -> Output {
    Command::new("ssh-keygen").args(arguments).current_dir(dir).env("TZ", "UTC").output().unwrap()
}

fn ran(dir: &Path, arguments: &[&str]) -> String {
    let output = ssh_keygen(dir, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A CA, a second CA and a key, with certificates named after CA and serial.
fn workshop(certificates: &[(&str, u64)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["ca", "other", "user"] {
        ran(dir.path(), &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name]);
    }
    for (ca, serial) in certificates {
        let arguments = ["-q", "-s", ca, "-I", "x", "-n", "x", "-z", &serial.to_string(), "user.pub"];
        ran(dir.path(), &arguments);
        fs::rename(dir.path().join("user-cert.pub"), dir.path().join(format!("{ca}-{serial}.pub"))).unwrap();
    }
    dir
}

fn install(dir: &Path, numbers: impl IntoIterator<Item = u64>) {
    let ca: PublicKey = fs::read_to_string(dir.join("ca.pub")).unwrap().parse().unwrap();
    fs::write(dir.join("krl"), krl_of(&ca, numbers).encode().unwrap()).unwrap();
}

/// Whether ssh-keygen, which uses sshd's own code, says that the certificate is revoked.
fn is_revoked(dir: &Path, certificate: &str) -> bool {
    let output = ssh_keygen(dir, &["-Q", "-f", "krl", certificate]);
    let text = String::from_utf8(output.stdout).unwrap();
    match (output.status.code(), text.contains("REVOKED"), text.contains(": ok")) {
        (Some(0), false, true) => false,
        (Some(1), true, false) => true,
        other => panic!("{certificate}: {other:?} {text} {}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn openssh_revokes_what_is_listed_and_nothing_else() {
    let listed = [5, 100, 102, 104, 1 << 48];
    let spared = [4, 6, 99, 105, 7];
    let all = listed.iter().chain(&spared).map(|serial| ("ca", *serial)).chain([("other", 5)]);
    let dir = workshop(&all.collect::<Vec<_>>());
    install(dir.path(), [5, 100, 101, 102, 103, 104, 1 << 48]);
    for serial in listed {
        assert!(is_revoked(dir.path(), &format!("ca-{serial}.pub")), "{serial}");
    }
    for serial in spared {
        assert!(!is_revoked(dir.path(), &format!("ca-{serial}.pub")), "{serial}");
    }
    assert!(!is_revoked(dir.path(), "other-5.pub"));
    assert!(!is_revoked(dir.path(), "user.pub"));
}

#[test]
fn openssh_lists_our_content() {
    let dir = workshop(&[]);
    install(dir.path(), [5, 100, 101, 102, 103, 104, 1 << 48]);
    let text = ran(dir.path(), &["-Q", "-l", "-f", "krl"]);
    let fingerprint = ran(dir.path(), &["-l", "-f", "ca.pub"]);
    let fingerprint = fingerprint.split(' ').nth(1).unwrap();
    for line in [
        "# KRL version 17",
        "# Generated at 20270115T080000",
        "serial: 5",
        "serial: 100-104",
        "serial: 281474976710656",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(text.contains(fingerprint), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("serial:")).count(), 3, "{text}");
}

#[test]
fn openssh_accepts_an_empty_list() {
    let dir = workshop(&[("ca", 5)]);
    install(dir.path(), []);
    ran(dir.path(), &["-Q", "-l", "-f", "krl"]);
    assert!(!is_revoked(dir.path(), "ca-5.pub"));
}

#[test]
fn a_list_that_openssh_made_reads_the_same() {
    let dir = workshop(&[]);
    // Far apart, so that ssh-keygen writes a list and a range and no bitmap.
    fs::write(dir.path().join("spec"), "serial: 5\nserial: 1000000000-1000009999\nserial: 281474976710656\n")
        .unwrap();
    ran(dir.path(), &["-k", "-q", "-f", "krl", "-s", "ca.pub", "-z", "17", "spec"]);
    let read = Krl::decode(&fs::read(dir.path().join("krl")).unwrap()).unwrap();
    let expected = [5, 1 << 48].into_iter().chain(1_000_000_000..=1_000_009_999);
    assert_eq!((read.version(), read.serials()), (Generation::new(17), &serials(expected)));
    let ca: PublicKey = fs::read_to_string(dir.path().join("ca.pub")).unwrap().parse().unwrap();
    assert_eq!(read.ca().key_data(), ca.key_data());
}

// === our own reading ===

#[test]
fn a_run_is_written_as_a_range() {
    let short = krl(1_000..101_000).encode().unwrap();
    assert_eq!(short.len(), krl([]).encode().unwrap().len() + 1 + 4 + 16);
    assert_eq!(Krl::decode(&short).unwrap().serials().len(), 100_000);
    let pair = krl([7, 8]).encode().unwrap();
    assert_eq!(pair.len(), krl([]).encode().unwrap().len() + 1 + 4 + 16);
}

#[test]
fn the_time_is_in_whole_seconds_and_the_comment_gone() {
    let list = krl([7]);
    assert_eq!(list.generated_at(), Timestamp::from_second(GENERATED_AT).unwrap());
    assert_eq!(list.ca().comment(), "");
    assert!(list.revokes(Serial::new(7).unwrap()) && !list.revokes(Serial::new(8).unwrap()));
    let early = Timestamp::from_second(-1).unwrap();
    assert!(Krl::new(Generation::ZERO, early, &ca(), BTreeSet::new()).is_err());
}

#[test]
fn more_than_a_million_are_refused_in_both_directions() {
    let most = u64::try_from(MOST_SERIALS).unwrap();
    let too_many = serials(1..=most + 1);
    let at = Timestamp::from_second(GENERATED_AT).unwrap();
    assert_eq!(Krl::new(Generation::ZERO, at, &ca(), too_many), Err(KrlError::TooMany));
    let range = |last: u64| {
        with_sections(&[vec![0x21], string(&[1_u64.to_be_bytes(), last.to_be_bytes()].concat())].concat())
    };
    assert_eq!(Krl::decode(&range(most)).unwrap().serials().len(), MOST_SERIALS);
    assert_eq!(Krl::decode(&range(most + 1)), Err(KrlError::TooMany));
    assert_eq!(Krl::decode(&range(u64::MAX)), Err(KrlError::TooMany));
    assert_eq!(Krl::decode(&vec![0; LARGEST + 1]), Err(KrlError::TooLarge));
}

#[test]
fn hostile_lists_are_refused() {
    let good = krl([5]).encode().unwrap();
    let number = |number: u64| number.to_be_bytes().to_vec();
    let section = |kind: u8, content: &[u8]| with_sections(&[vec![kind], string(content)].concat());
    let mut format_2 = good.clone();
    format_2[11] = 2;
    let mut far_future = good.clone();
    far_future[20..28].fill(0xff);
    let damaged = [
        ("empty", Vec::new()),
        ("text_list", b"ssh-ed25519 AAAA".to_vec()),
        ("header_only", good[..HEADER].to_vec()),
        ("format_2", format_2),
        ("far_future", far_future),
        ("trailing_byte", [good.clone(), vec![0]].concat()),
        ("second_section", [good.clone(), good[HEADER..].to_vec()].concat()),
        ("serial_zero", section(0x20, &number(0))),
        ("half_a_serial", section(0x20, &[1, 2, 3])),
        ("range_from_zero", section(0x21, &[number(0), number(5)].concat())),
        ("range_backwards", section(0x21, &[number(9), number(8)].concat())),
        ("range_with_more", section(0x21, &[number(1), number(2), number(3)].concat())),
        ("subsection_beyond_its_end", with_sections(&[0x20, 0xff, 0xff, 0xff, 0xff, 1])),
    ];
    for (name, bytes) in damaged {
        assert!(
            matches!(Krl::decode(&bytes), Err(KrlError::Damaged(_))),
            "{name}: {:?}",
            Krl::decode(&bytes)
        );
    }
    for (name, kind) in [("bitmap", 0x22), ("key_ids", 0x23), ("extension", 0x39)] {
        assert_eq!(Krl::decode(&section(kind, &number(1))), Err(KrlError::Unsupported(kind)), "{name}");
    }
    for (name, kind) in
        [("explicit_key", 2), ("sha1", 3), ("signature", 4), ("sha256", 5), ("extension", 255)]
    {
        let bytes = [good[..HEADER].to_vec(), vec![kind], string(b"x")].concat();
        assert_eq!(Krl::decode(&bytes), Err(KrlError::Unsupported(kind)), "{name}");
    }
}

#[test]
fn no_shortened_list_reads() {
    let good = krl([5, 7, 8, 9]).encode().unwrap();
    for length in 0..good.len() {
        assert!(Krl::decode(&good[..length]).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(
        singles in prop::collection::btree_set(1_u64.., 0..50), starts in prop::collection::vec((1_u64..1 << 48, 1_u64..60), 0..8), version in any::<u64>(),
    ) {
        let numbers = singles.into_iter().chain(starts.into_iter().flat_map(|(start, length)| start..start + length));
        let at = Timestamp::from_second(GENERATED_AT).unwrap();
        let list = Krl::new(Generation::new(version), at, &ca(), serials(numbers)).unwrap();
        prop_assert_eq!(Krl::decode(&list.encode().unwrap()).unwrap(), list);
    }

    #[test]
    fn any_bytes_read_or_are_refused(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = krl([5, 7, 8, 9]).encode().unwrap();
        *place.get_mut(&mut bytes) = byte;
        if let Ok(list) = Krl::decode(&bytes) {
            prop_assert_eq!(Krl::decode(&list.encode().unwrap()).unwrap(), list);
        }
    }
}
