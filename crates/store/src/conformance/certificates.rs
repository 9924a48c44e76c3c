use jiff::SignedDuration;
use sallyport_domain::Generation;

use super::samples::{
    after, certificate, host, id, now, person, read, refused, serial, session, sign_in, token, write,
};
use crate::{CertificateKind, CertificateRow, SessionRow, Store, StoreError};

pub async fn certificate_comes_back_whole(store: Store) {
    let of_host = CertificateRow {
        serial: serial((1 << 49) - 1),
        kind: CertificateKind::Host(id(1)),
        tbs: vec![],
        issued_at: Some(after(1)),
        revoked_at: Some(after(2)),
        ..certificate(1, 1)
    };
    let put = of_host.clone();
    write(&store, move |tx| {
        sign_in(tx, 1)?;
        tx.put_host(&host(1))?;
        tx.intend(&certificate(1, 1))?;
        tx.intend(&put)
    })
    .await;
    let seen =
        read(&store, |tx| Ok((tx.certificate(serial(1))?, tx.certificate(serial((1 << 49) - 1))?))).await;
    assert_eq!(seen, (Some(certificate(1, 1)), Some(of_host)));
    assert_eq!(read(&store, |tx| tx.session(id(1))).await, Some(session(1)));
    let mark = async |number, at| write(&store, move |tx| tx.mark_issued(serial(number), at)).await;
    assert_eq!(
        (mark(1, after(3)).await, mark(1, after(4)).await, mark(2, now()).await),
        (true, false, false)
    );
    let issued = read(&store, |tx| tx.certificate(serial(1))).await.unwrap();
    assert_eq!(issued, CertificateRow { issued_at: Some(after(3)), ..certificate(1, 1) });
}

pub async fn serial_stands_once_and_its_parents_first(store: Store) {
    let host_less = CertificateRow { kind: CertificateKind::Host(id(1)), ..certificate(1, 1) };
    for row in [certificate(1, 1), host_less] {
        let error = refused(&store, move |tx| tx.intend(&row)).await;
        assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
    }
    let error = refused(&store, |tx| tx.begin_session(&session(1))).await;
    assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
    write(&store, |tx| {
        sign_in(tx, 1)?;
        sign_in(tx, 2)?;
        tx.intend(&certificate(1, 1))
    })
    .await;
    let error = refused(&store, |tx| tx.intend(&certificate(1, 2))).await;
    assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
    let error = refused(&store, |tx| tx.begin_session(&session(1))).await;
    assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
    assert_eq!(read(&store, |tx| tx.certificate(serial(1))).await, Some(certificate(1, 1)));
}

pub async fn certificates_are_listed_by_serial(store: Store) {
    write(&store, |tx| {
        sign_in(tx, 1)?;
        for number in [30, 10, 20] {
            tx.intend(&certificate(number, 1))?;
        }
        Ok(())
    })
    .await;
    for (from, limit, expected) in [
        (None, 10, vec![10, 20, 30]),
        (None, 2, vec![10, 20]),
        (Some(10), 10, vec![20, 30]),
        (Some(30), 10, vec![]),
    ] {
        let rows = read(&store, move |tx| tx.certificates_after(from.map(serial), limit)).await;
        assert_eq!(rows.iter().map(|row| row.serial.value()).collect::<Vec<_>>(), expected);
    }
}

pub async fn revoked_serials_leave_out_what_has_ended(store: Store) {
    let row = |number: u64, from: i64, until: i64, revoked: bool| CertificateRow {
        valid_after: after(from),
        valid_before: after(until),
        revoked_at: revoked.then(|| after(-1)),
        ..certificate(number, 1)
    };
    let rows = [
        row(5, -10, 10, true),
        row(4, -10, 10, false),
        row(3, -10, 0, true),
        row(2, -10, 1, true),
        row(1, 5, 10, true),
    ];
    write(&store, move |tx| {
        sign_in(tx, 1)?;
        rows.iter().try_for_each(|row| tx.intend(row))
    })
    .await;
    let revoked = read(&store, |tx| tx.revoked_serials(now())).await;
    assert_eq!(revoked, [serial(1), serial(2), serial(5)]);
}

pub async fn ending_sessions_revokes_what_still_lives(store: Store) {
    let earlier = SessionRow { id: id(9), ended_at: Some(after(-50)), ..session(1) };
    let before = earlier.clone();
    let stale = SessionRow { id: id(8), ..session(1) };
    let old = CertificateRow {
        kind: CertificateKind::User { user: id(1), session: id(8) },
        valid_before: after(-86_401),
        ..certificate(7, 1)
    };
    let recent = SessionRow { id: id(7), ..session(1) };
    let kind = CertificateKind::User { user: id(1), session: id(7) };
    let yesterdays = CertificateRow { kind, valid_before: after(-86_399), ..certificate(8, 1) };
    write(&store, move |tx| {
        sign_in(tx, 1)?;
        for (session, certificate) in [(stale, old), (recent, yesterdays)] {
            tx.begin_session(&session)?;
            tx.intend(&certificate)?;
        }
        sign_in(tx, 2)?;
        tx.begin_session(&before)?;
        tx.put_host(&host(1))?;
        tx.intend(&certificate(1, 1))?;
        tx.intend(&CertificateRow { valid_before: now(), ..certificate(2, 1) })?;
        tx.intend(&CertificateRow { revoked_at: Some(after(-9)), ..certificate(3, 1) })?;
        tx.intend(&CertificateRow { valid_after: after(10), ..certificate(4, 1) })?;
        tx.intend(&certificate(5, 2))?;
        tx.intend(&CertificateRow { kind: CertificateKind::Host(id(1)), ..certificate(6, 1) })
    })
    .await;
    assert_eq!(write(&store, |tx| tx.end_sessions(id(1), now())).await, 2);
    let revoked = read(&store, |tx| tx.certificates_after(None, 10)).await;
    let revoked: Vec<_> = revoked.iter().map(|row| row.revoked_at).collect();
    assert_eq!(revoked, [Some(now()), None, Some(after(-9)), Some(now()), None, None, None, None]);
    let ended = read(&store, |tx| Ok((tx.session(id(8))?, tx.session(id(7))?))).await;
    let ended = (ended.0.and_then(|row| row.ended_at), ended.1.and_then(|row| row.ended_at));
    assert_eq!(ended, (None, Some(now())), "what nobody can renew is left as it is");
    let sessions = read(&store, |tx| Ok((tx.session(id(1))?, tx.session(id(9))?, tx.session(id(2))?))).await;
    let ended = SessionRow { ended_at: Some(now()), ..session(1) };
    assert_eq!(sessions, (Some(ended), Some(earlier), Some(session(2))));
    assert_eq!(write(&store, |tx| tx.end_sessions(id(1), after(1))).await, 0);
}

pub async fn lives_of_a_persons_certificates(store: Store) {
    write(&store, |tx| {
        sign_in(tx, 1)?;
        sign_in(tx, 2)?;
        tx.intend(&CertificateRow { valid_before: after(50), revoked_at: Some(now()), ..certificate(1, 1) })?;
        tx.intend(&CertificateRow { valid_before: after(40), ..certificate(2, 1) })?;
        tx.intend(&CertificateRow { valid_before: after(90), intended_at: after(20), ..certificate(3, 1) })?;
        tx.intend(&certificate(4, 2))
    })
    .await;
    for (by, at, end) in [
        (-1, 0, None),
        (0, 0, Some(50)),
        (19, 49, Some(50)),
        (19, 50, None),
        (20, 50, Some(90)),
        (20, 90, None),
    ] {
        let found = read(&store, move |tx| tx.certified_until(id(1), after(by), after(at))).await;
        assert_eq!(found, end.map(after), "by {by} at {at}");
    }
}

pub async fn token_is_used_once(store: Store) {
    write(&store, |tx| tx.use_token(&token("issuer uti", 1))).await;
    for again in [token("issuer uti", 1), token("issuer uti", 2)] {
        let error = refused(&store, move |tx| tx.use_token(&again)).await;
        assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
    }
    // What a token is, is not without regard to case.
    write(&store, |tx| tx.use_token(&token("ISSUER uti", 3))).await;
    assert_eq!(
        read(&store, |tx| tx.token_use("issuer uti", after(3_600))).await,
        Some(token("issuer uti", 1))
    );
}

pub async fn used_tokens_are_forgotten_after_their_time(store: Store) {
    write(&store, |tx| {
        for (text, keep) in [("past", -1), ("now", 0), ("later", 1)] {
            tx.use_token(&crate::TokenUse { ends_at: after(keep), ..token(text, 1) })?;
        }
        Ok(())
    })
    .await;
    assert_eq!(write(&store, |tx| tx.forget_tokens(now())).await, 1);
    let left =
        read(&store, |tx| Ok((tx.token_use("past", after(-1))?, tx.token_use("now", now())?.is_some())))
            .await;
    assert_eq!(left, (None, true));
}

pub async fn times_are_cut_to_microseconds(store: Store) {
    let fine = now() + SignedDuration::from_nanos(123_456_789);
    let cut = now() + SignedDuration::from_micros(123_456);
    write(&store, move |tx| {
        tx.put_person(&person(1))?;
        tx.begin_session(&SessionRow { began_at: fine, ..session(1) })
    })
    .await;
    let seen = read(&store, |tx| tx.session(id(1))).await.unwrap();
    assert_eq!(seen.began_at, cut);
}

pub async fn counters_keep_what_was_set(store: Store) {
    let seen = read(&store, |tx| Ok((tx.krl_number()?, tx.next_serial()?, tx.links_told()?))).await;
    assert_eq!(seen, (Generation::ZERO, None, false));
    write(&store, |tx| {
        tx.set_krl_number(Generation::new(1_800_000_000_000))?;
        tx.set_next_serial(serial(1 << 48))?;
        tx.set_links_told()
    })
    .await;
    let seen = read(&store, |tx| Ok((tx.krl_number()?, tx.next_serial()?, tx.links_told()?))).await;
    assert_eq!(seen, (Generation::new(1_800_000_000_000), Some(serial(1 << 48)), true));
}
