//! No lookup reads a table from end to end, and no statement is compiled twice.

use std::cell::RefCell;
use std::collections::BTreeSet;

use rusqlite::StatementStatus;
use sallyport_domain::UidRange;
use sallyport_store::Ledger;
use sallyport_store::conformance::provisioning::event;
use sallyport_store::conformance::samples::{
    access_token, adoption, certificate, connection, enroll_token, grant, group, host, id, lost_grant, name,
    now, object, pinned, posix_group, resource, scim_token, serial, session, sign_in, subject, tenant, token,
    uid, unsettled,
};
use sallyport_store::{
    Concerning, ExpressionRow, ForeignRows, LedgerRow, ReadTx, ReportRow, SecretHash, StoreError, Unsettled,
    WriteTx,
};

use super::*;
use crate::{files, open};

thread_local! {
    static STATEMENTS: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// Called for each statement of a transaction.
pub(super) fn note(sql: &str) {
    STATEMENTS.with_borrow_mut(|statements| statements.insert(sql.to_owned()));
}

#[test]
fn every_lookup_has_an_index_and_keeps_its_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sallyport.db");
    files::make(&path).unwrap();
    let connection = open::writer(&path).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut tx = Tx::new(&connection, Known::default());
    change_everything(&mut tx).unwrap();
    for _ in 0..3 {
        look_everything_up(&tx).unwrap();
    }
    let statements = STATEMENTS.take();
    assert!(statements.len() > 60, "{}", statements.len());
    for sql in statements {
        // A whole list, in its order.
        let whole = sql.starts_with("SELECT") && !sql.contains("WHERE");
        let scans = plan(&connection, &sql).into_iter().any(|step| step.starts_with("SCAN"));
        assert!(whole || !scans, "{sql}: {:?}", plan(&connection, &sql));
        let again = connection.prepare_cached(&sql).unwrap().get_status(StatementStatus::RePrepare);
        assert_eq!(again, 0, "compiled anew: {sql}");
    }
}

/// One gid may be everybody's: to find two of them must not gather all.
#[test]
fn who_else_wants_a_number_is_found_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sallyport.db");
    files::make(&path).unwrap();
    let connection = open::writer(&path).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    Tx::new(&connection, Known::default()).wanting_id(1, id(1), 2).unwrap();
    for sql in STATEMENTS.take() {
        let steps = plan(&connection, &sql);
        assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{sql}: {steps:?}");
    }
}

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    if ["SAVEPOINT", "ROLLBACK", "RELEASE"].iter().any(|word| sql.starts_with(word)) {
        return Vec::new();
    }
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get(3).unwrap());
    }
    steps
}

fn change_everything(tx: &mut dyn WriteTx) -> Result<(), StoreError> {
    sign_in(tx, 1)?;
    tx.put_person(&pinned(1))?;
    change_the_ledger(tx)?;
    tx.put_resource(&resource(1))?;
    tx.set_emails(id(1), &["x".to_owned()])?;
    tx.put_group(&group(1))?;
    tx.add_member(id(1), id(1))?;
    tx.dissolve_group(tenant(9), id(1))?;
    tx.put_posix_group(&posix_group(8))?;
    tx.put_grant(&grant(1))?;
    tx.put_host(&host(1))?;
    tx.set_generation(id(1), host(1).generation)?;
    tx.put_report(id(1), &ReportRow::default())?;
    tx.put_enroll_token(&enroll_token(1))?;
    tx.put_scim_token(&scim_token(1))?;
    tx.put_access_token(&access_token(9))?;
    tx.forget_access_tokens(now())?;
    tx.put_connection(&connection(1))?;
    tx.remove_connection(&connection(1).name)?;
    tx.intend(&certificate(1, 1))?;
    tx.mark_issued(serial(1), now())?;
    tx.use_token(&token("x", 1))?;
    tx.set_next_serial(serial(2))?;
    tx.set_krl_number(host(1).generation)?;
    tx.set_links_told()?;
    tx.end_sessions(id(1), now())?;
    tx.forget_tokens(now())?;
    tx.note_provisioning(&event(1, Some(1)), &[id(1)])?;
    tx.note_provisioning(&event(2, Some(1)), &[id(1)])?;
    tx.note_concerned(2, &[id(1)])?;
    tx.forget_provisioning(now(), 0, 1)?;
    tx.remove_member(id(1), id(1))?;
    tx.touch_group(id(1), now())?;
    tx.put_unsettled(&unsettled(1, Unsettled::Grant))?;
    tx.remove_unsettled(id(1), Unsettled::Grant)?;
    tx.remove_grant(id(1))?;
    tx.put_lost_grant(&lost_grant(1))?;
    tx.forget_lost_grants(now())?;
    tx.remove_group(tenant(1), id(1))?;
    tx.remove_resource(tenant(1), id(1)).map(drop)
}

fn change_the_ledger(tx: &mut dyn WriteTx) -> Result<(), StoreError> {
    tx.put_host(&host(1))?;
    tx.put_ledger(&LedgerRow::new(id(1)))?;
    tx.put_proposal(id(1), Ok(&name(1)), now())?;
    tx.pin(id(1), &name(1), uid(1), uid(1), now())?;
    tx.rename(id(1), &name(2), now())?;
    tx.claim_name(id(1), &name(1), now())?;
    tx.ask_release(&name(1), now())?;
    tx.free_name(&name(1), now())?;
    tx.set_next_id(UidRange::DEFAULT, 70_001)?;
    tx.set_expression(&ExpressionRow { expression: "x".into(), applied_at: now() })?;
    tx.put_foreign(id(1), &ForeignRows { names: vec![name(7)], ids: vec![uid(7)] })?;
    tx.put_foreign(id(1), &ForeignRows::default())?;
    tx.put_adoption(&adoption(1))?;
    tx.remove_adoption(id(1), &name(1), &adoption(1).hosts).map(drop)
}

fn look_at_the_ledger(tx: &dyn ReadTx) -> Result<(), StoreError> {
    tx.ledger(id(1))?;
    tx.ledgers()?;
    tx.name(&name(1))?;
    tx.names_of(id(1))?;
    tx.names()?;
    tx.wanting_id(1, id(1), 2)?;
    tx.used_ids(UidRange::DEFAULT, 70_000)?;
    tx.proposed_to(&name(1), Some(&LedgerRow::new(id(1))), 2)?;
    tx.adoptions_called(&name(1))?;
    tx.next_id(UidRange::DEFAULT)?;
    tx.expression()?;
    tx.hosts_with_name(&name(1))?;
    tx.hosts_with_id(uid(1))?;
    tx.foreign_of(id(1))?;
    tx.adoptions()?;
    tx.adoptions_of(id(1)).map(drop)
}

fn look_everything_up(tx: &dyn ReadTx) -> Result<(), StoreError> {
    tx.audit_head()?;
    tx.audit_after(0, 1)?;
    tx.certificate(serial(1))?;
    tx.certificates_after(None, 1)?;
    tx.revoked_serials(now())?;
    tx.certified_until(id(1), now(), now())?;
    tx.session(session(1).id)?;
    tx.token_use("x", now())?;
    for of in [Concerning::Anything, Concerning::Group(id(1)), Concerning::Person(id(1))] {
        tx.provisioning_after(0, of, 1)?;
        tx.provisioning_before(9, of, 1)?;
    }
    tx.resource(tenant(1), id(1))?;
    tx.resource_by_user_name(tenant(1), "x")?;
    tx.resources_by_external_id(tenant(1), "x")?;
    tx.resources_by_email(tenant(1), "x")?;
    tx.claimants(tenant(1), object(1))?;
    tx.resource_of_person(id(1))?;
    tx.resources(tenant(1), 0, 1)?;
    tx.group(tenant(1), id(1))?;
    tx.group_by_id(id(1))?;
    tx.groups_by_name(tenant(1), "x")?;
    tx.groups_by_external_id(tenant(1), "x")?;
    tx.groups(tenant(1), 0, 1)?;
    tx.dissolved_group(id(1))?;
    tx.dissolved_groups_of(id(1))?;
    tx.awaits_withdrawal(id(1))?;
    tx.all_groups()?;
    tx.members(id(1))?;
    tx.members_if_few(id(1), 1)?;
    tx.count_members(id(1))?;
    tx.resource_label(tenant(1), id(1))?;
    tx.is_member(id(1), id(1))?;
    tx.groups_of(id(1))?;
    tx.groups_of_person(id(1))?;
    tx.person(id(1))?;
    tx.person_by_subject(subject(1))?;
    tx.people()?;
    tx.count_people(tenant(1), sallyport_domain::ConflictReason::Link)?;
    tx.people_in(id(1))?;
    tx.holder_of_name(&name(1))?;
    tx.holder_of_id(uid(1))?;
    tx.posix_group(&name(1))?;
    tx.posix_group_of_id(uid(1))?;
    tx.posix_groups()?;
    tx.is_wanted_id(uid(1))?;
    look_at_the_ledger(tx)?;
    tx.grant(id(1))?;
    tx.grants()?;
    tx.grants_of(id(1))?;
    tx.grants_reaching(id(1))?;
    tx.lost_grants(now(), 1)?;
    tx.unsettled()?;
    tx.unsettled_group(id(1), Unsettled::Grant)?;
    tx.members_after(id(1), 0, 1)?;
    tx.grants_reaching_person(id(1))?;
    tx.host(id(1))?;
    tx.host_by_machine("x")?;
    tx.host_by_name(&host(1).name)?;
    tx.hosts()?;
    tx.enroll_token(&SecretHash([1; 32]))?;
    tx.enroll_tokens()?;
    tx.access_token(&SecretHash([1; 32]))?;
    tx.scim_token_by_id(id(1))?;
    tx.connection(&connection(1).name)?;
    tx.connection_of(tenant(1))?;
    tx.connections()?;
    tx.scim_token(&SecretHash([1; 32]))?;
    tx.scim_tokens().map(drop)
}
