use sallyport_domain::{Generation, HostName, HostState};

use super::samples::{after, enroll_token, host, id, read, refused, write};
use crate::{EnrollTokenRow, HostRow, ReportRow, SecretHash, Store, StoreError};

fn named(text: &str) -> HostName {
    text.parse().unwrap()
}

pub async fn host_comes_back_whole(store: Store) {
    let silent = HostRow { state: HostState::Silent, report: ReportRow::default(), ..host(1) };
    let first = silent.clone();
    write(&store, move |tx| {
        tx.put_host(&host(2))?;
        tx.put_host(&first)
    })
    .await;
    read(&store, move |tx| {
        assert_eq!(tx.host(id(2))?, Some(host(2)));
        assert_eq!(tx.host_by_machine(&host(1).machine_fingerprint)?, Some(silent.clone()));
        assert_eq!(tx.host_by_name(&named("web-2"))?, Some(host(2)));
        assert_eq!(tx.host_by_name(&named("web-2.corp.test"))?, Some(host(2)));
        assert_eq!(tx.hosts()?, [host(2), silent]);
        Ok(())
    })
    .await;
}

pub async fn host_names_are_held_until_retirement(store: Store) {
    let heir = HostRow {
        names: vec![named("new.corp.test"), named("web-1")],
        name: named("new.corp.test"),
        ..host(2)
    };
    write(&store, |tx| tx.put_host(&host(1))).await;
    let early = heir.clone();
    let error = refused(&store, move |tx| tx.put_host(&early)).await;
    assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
    let retired = HostRow { state: HostState::Retired, ..host(1) };
    let (put, late) = (retired.clone(), heir.clone());
    write(&store, move |tx| {
        tx.put_host(&put)?;
        tx.put_host(&late)
    })
    .await;
    let seen = read(&store, |tx| {
        Ok((tx.host_by_name(&named("web-1"))?, tx.host_by_name(&host(1).name)?, tx.host(id(1))?))
    })
    .await;
    assert_eq!(seen, (Some(heir), None, Some(retired)));
    // It cannot come back while another holds a name of it.
    let error = refused(&store, |tx| tx.put_host(&host(1))).await;
    assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
}

pub async fn machine_key_is_one_hosts(store: Store) {
    let retired = HostRow { state: HostState::Retired, ..host(1) };
    write(&store, move |tx| tx.put_host(&retired)).await;
    let thief = HostRow { machine_fingerprint: host(1).machine_fingerprint, ..host(2) };
    let error = refused(&store, move |tx| tx.put_host(&thief)).await;
    assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
}

/// Also when the closure goes on after the refusal.
pub async fn refused_host_leaves_no_trace(store: Store) {
    write(&store, |tx| {
        tx.put_host(&host(1))?;
        tx.put_host(&host(2))
    })
    .await;
    write(&store, |tx| {
        let grasping = HostRow { names: vec![named("free.corp.test"), named("web-1")], ..host(2) };
        let error = tx.put_host(&grasping).unwrap_err();
        assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
        let unknown = HostRow { names: vec![named("web-1")], ..host(3) };
        let error = tx.put_host(&unknown).unwrap_err();
        assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
        Ok(())
    })
    .await;
    let seen = read(&store, |tx| {
        Ok((tx.hosts()?, tx.host_by_name(&named("free.corp.test"))?, tx.host_by_name(&named("web-2"))?))
    })
    .await;
    assert_eq!(seen, (vec![host(1), host(2)], None, Some(host(2))));
}

pub async fn reports_and_generations_need_their_host(store: Store) {
    write(&store, |tx| {
        tx.put_host(&host(1))?;
        tx.put_host(&host(2))
    })
    .await;
    let report = ReportRow {
        applied: Generation::new(40),
        lease_until: Some(after(60)),
        seen_at: Some(after(1)),
        problems: vec![],
    };
    let put = report.clone();
    write(&store, move |tx| {
        tx.set_generation(id(1), Generation::new(41))?;
        tx.put_report(id(1), &put)
    })
    .await;
    let seen = read(&store, |tx| tx.hosts()).await;
    assert_eq!(seen, [HostRow { generation: Generation::new(41), report, ..host(1) }, host(2)]);
    let error = refused(&store, |tx| tx.set_generation(id(3), Generation::ZERO)).await;
    assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
    let error = refused(&store, |tx| tx.put_report(id(3), &ReportRow::default())).await;
    assert!(matches!(error, StoreError::Missing(_)), "{error:?}");
}

pub async fn enrolment_tokens(store: Store) {
    write(&store, |tx| {
        tx.put_enroll_token(&enroll_token(2))?;
        tx.put_enroll_token(&enroll_token(1))
    })
    .await;
    let used = EnrollTokenRow { uses_left: 2, revoked_at: Some(after(3)), ..enroll_token(1) };
    let put = used.clone();
    write(&store, move |tx| tx.put_enroll_token(&put)).await;
    let seen = read(&store, |tx| Ok((tx.enroll_token(&SecretHash([1; 32]))?, tx.enroll_tokens()?))).await;
    assert_eq!(seen, (Some(used.clone()), vec![enroll_token(2), used]));
    let twin = EnrollTokenRow { id: id(3), ..enroll_token(1) };
    let error = refused(&store, move |tx| tx.put_enroll_token(&twin)).await;
    assert!(matches!(error, StoreError::Taken(_)), "{error:?}");
}
