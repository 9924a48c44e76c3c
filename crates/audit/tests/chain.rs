//! What an auditor relies on: every change to the history is found, and an export says all that the store says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

use jiff::Timestamp;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sallyport_audit::{Broken, Event, EventName, Fault, Hash, Head, Record, RecordError, verify};
use sallyport_domain::{HostId, RequestId, Serial, UserId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const SEED: [u8; 32] = [42; 32];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn full_event() -> Event {
    let mut rng = ChaCha8Rng::from_seed(SEED);
    Event::new(EventName::CertificateIntended, at(1_800_000_000))
        .of_request(RequestId::generate(at(1), &mut rng))
        .of_user(UserId::generate(at(2), &mut rng))
        .of_host(HostId::generate(at(3), &mut rng))
        .of_serial(Serial::new(7).unwrap())
        .with("z", json!({"b": [1, {"y": 1, "x": "\"}\n,\"hash\":\""}], "a": null}))
        .with("a", "ä")
}

fn chain(length: i64) -> Vec<Record> {
    let mut head = Head::GENESIS;
    (0..length)
        .map(|n| {
            let event = Event::new(EventName::LoginSucceeded, at(1_800_000_000 + n)).with("n", n);
            let record = Record::next(&head, &event);
            head = record.head();
            record
        })
        .collect()
}

#[test]
fn the_bytes_are_pinned() {
    let event = Event::new(EventName::CaStarted, at(1_800_000_000))
        .with("z", json!({"b": 1, "a": [true, null]}))
        .with("a", "x");
    let record = Record::next(&Head::GENESIS, &event);
    let zeros = "0".repeat(64);
    assert_eq!(
        record.body,
        format!(
            r#"{{"at":"2027-01-15T08:00:00Z","detail":{{"a":"x","z":{{"a":[true,null],"b":1}}}},"event":"ca.started","host":null,"prev":"{zeros}","request":null,"seq":1,"serial":null,"user":null}}"#
        )
    );
    // { printf 'sallyport-audit-record-v1\0'; head -c 32 /dev/zero; printf %s "$body"; } | sha256sum
    assert_eq!(record.hash.to_string(), "8dd54b816aab3dcce5065555baac9d36b6d1957a6982909cb730aa0bc40946b2");
}

#[test]
fn an_event_comes_back_as_it_was() {
    let record = Record::next(&chain(3)[2].head(), &full_event());
    assert_eq!(record.seq, 4);
    assert_eq!(record.event().unwrap(), full_event());
}

#[test]
fn an_exported_line_is_flat_and_verifies_far_from_the_ca() {
    let mut records = chain(3);
    records.push(Record::next(&records[2].head(), &full_event()));
    let lines: Vec<String> = records.iter().map(Record::export_line).collect();
    let last: Value = serde_json::from_str(&lines[3]).unwrap();
    assert_eq!(last["seq"], 4);
    assert_eq!(last["event"], "certificate.intended");
    assert_eq!(last["serial"], 7);
    assert_eq!(last["user"], full_event().user.unwrap().to_string());
    assert_eq!(last["request"], full_event().request.unwrap().to_string());
    assert_eq!(last["at"], "2027-01-15T08:00:00Z");
    assert_eq!(last["prev"], records[2].hash.to_string());
    assert_eq!(last["hash"], records[3].hash.to_string());
    assert!(lines.iter().all(|line| !line.contains('\n')));
    let read: Vec<Record> = lines.iter().map(|line| Record::from_export_line(line).unwrap()).collect();
    assert_eq!(read, records);
    assert_eq!(verify(Head::GENESIS, read), Ok(records[3].head()));
}

#[test]
fn a_damaged_record_is_exported_as_what_it_is() {
    for body in ["", "}", "{}", "not json", "{\"seq\":1"] {
        let record = Record { body: body.into(), ..chain(1).remove(0) };
        let line: Value = serde_json::from_str(&record.export_line()).unwrap();
        assert_eq!((line["seq"].clone(), line["damaged"].clone()), (json!(1), json!(body)));
        assert!(Record::from_export_line(&record.export_line()).is_err());
        assert!(matches!(record.event(), Err(RecordError::Body { .. })));
        assert_eq!(verify(Head::GENESIS, [record]), Err(Broken { seq: 1, fault: Fault::Unreadable }));
    }
}

#[test]
fn a_kind_of_a_later_version_still_verifies() {
    let body = chain(1)[0].body.replace("login.succeeded", "login.dreamt");
    let digest = Sha256::new()
        .chain_update(b"sallyport-audit-record-v1\0")
        .chain_update(Hash::ZERO.as_bytes())
        .chain_update(&body)
        .finalize();
    let record = Record { seq: 1, body, hash: Hash::from(<[u8; 32]>::from(digest)) };
    assert!(matches!(record.event(), Err(RecordError::Event { seq: 1, .. })));
    assert_eq!(verify(Head::GENESIS, [record.clone()]), Ok(record.head()));
    assert_eq!(Record::from_export_line(&record.export_line()).unwrap(), record);
}

#[test]
fn each_fault_has_its_name() {
    let records = chain(3);
    let fault = |records: Vec<Record>| verify(Head::GENESIS, records).unwrap_err();
    let renumbered = Record { seq: 1, ..records[1].clone() };
    assert_eq!(fault(vec![renumbered]), Broken { seq: 1, fault: Fault::Renumbered { found: 2 } });
    assert_eq!(
        fault(vec![records[0].clone(), records[2].clone()]),
        Broken { seq: 3, fault: Fault::Gap { expected: 2 } }
    );
    let other = Record::next(&Head { seq: 1, hash: Hash::ZERO }, &full_event());
    assert_eq!(fault(vec![records[0].clone(), other]), Broken { seq: 2, fault: Fault::Previous });
    let altered = Record { body: records[0].body.replace("\"n\":0", "\"n\":9"), ..records[0].clone() };
    assert_eq!(fault(vec![altered]), Broken { seq: 1, fault: Fault::Altered });
}

#[test]
fn a_chain_cut_at_its_end_leads_to_another_head() {
    let records = chain(5);
    let whole = verify(Head::GENESIS, records.clone()).unwrap();
    let cut = verify(Head::GENESIS, records[..4].to_vec()).unwrap();
    assert_ne!(whole, cut);
    assert_eq!(verify(cut, records[4..].to_vec()), Ok(whole));
}

proptest! {
    #[test]
    fn any_altered_byte_is_found(length in 1..12_i64, which in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), to in 0x20_u8..0x7f) {
        let mut records = chain(length);
        let record = which.get_mut(&mut records);
        let place = byte.index(record.body.len());
        let mut body = record.body.clone().into_bytes();
        prop_assume!(body[place] != to);
        body[place] = to;
        record.body = String::from_utf8(body).unwrap();
        let seq = record.seq;
        prop_assert_eq!(verify(Head::GENESIS, records).unwrap_err().seq, seq);
    }

    #[test]
    fn an_altered_record_with_its_hash_made_good_is_found_at_the_next(length in 2..12_i64, which in any::<prop::sample::Index>()) {
        let mut records = chain(length);
        let place = which.index(records.len() - 1);
        let before = place.checked_sub(1).map_or(Head::GENESIS, |n| records[n].head());
        records[place] = Record::next(&before, &full_event());
        let broken = verify(Head::GENESIS, records).unwrap_err();
        prop_assert_eq!(broken, Broken { seq: u64::try_from(place).unwrap() + 2, fault: Fault::Previous });
    }

    #[test]
    fn any_dropped_record_is_found(length in 2..12_i64, which in any::<prop::sample::Index>()) {
        let mut records = chain(length);
        let place = which.index(records.len() - 1);
        records.remove(place);
        prop_assert!(verify(Head::GENESIS, records).is_err());
    }

    #[test]
    fn any_two_records_swapped_are_found(length in 2..12_i64, one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>()) {
        let mut records = chain(length);
        let (one, other) = (one.index(records.len()), other.index(records.len()));
        prop_assume!(one != other);
        records.swap(one, other);
        prop_assert!(verify(Head::GENESIS, records).is_err());
    }

    #[test]
    fn an_untouched_chain_holds(length in 0..12_i64) {
        let records = chain(length);
        let head = records.last().map_or(Head::GENESIS, Record::head);
        prop_assert_eq!(verify(Head::GENESIS, records), Ok(head));
    }

    #[test]
    fn no_line_panics(line in "\\PC{0,200}") {
        prop_assert!(Record::from_export_line(&line).is_err());
    }
}
