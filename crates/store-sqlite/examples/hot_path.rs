//! What one certificate costs the store, and how many a second one writer takes: the statements of a browser login.
//!
//! `cargo run --release -p sallyport-store-sqlite --example hot_path [FOLDER] [CALLERS] [SECONDS] [GROUPS OF A PERSON]`

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sallyport_audit::{Event, EventName};
use sallyport_domain::RequestId;
use sallyport_domain::{Id, Kind, Serial, SessionId, UserId};
use sallyport_store::conformance::samples;
use sallyport_store::{CertificateKind, CertificateRow, SessionRow, Store, StoreError, TokenUse, WriteTx};
use sallyport_store_sqlite::SqliteStore;
use tokio::task::JoinSet;

const PEOPLE: u32 = 10_000;
const GROUPS: u32 = 200;

/// Of a user certificate, about.
const TBS_BYTES: usize = 600;

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let temporary = tempfile::tempdir()?;
    let folder = words.next().map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let callers: u32 = words.next().map_or(Ok(256), |word| word.parse())?;
    let seconds: u64 = words.next().map_or(Ok(5), |word| word.parse())?;
    let groups: u32 = words.next().map_or(Ok(3), |word| word.parse())?;
    let opened = SqliteStore::open(&folder.join("hot_path.db"))?;
    let store = opened.clone().into_store();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    runtime.block_on(fill(&store, groups))?;
    let spent = processor_time()?;
    let (done, took) = runtime.block_on(issue_for(&store, callers, Duration::from_secs(seconds)))?;
    let spent = processor_time()?.saturating_sub(spent);
    opened.close();
    let rate = |time: Duration| f64::from(done) / time.as_secs_f64();
    println!(
        "{done} certificates by {callers} callers ({groups} groups a person) in {took:.2?}: {:.0}/s; of processor time {spent:.2?}: {:.0}/s",
        rate(took),
        rate(spent)
    );
    Ok(())
}

/// What all threads of this process have had of the processors: the figure that holds on a busy machine.
fn processor_time() -> Result<Duration> {
    let mut nanos = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let counts = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanos += counts.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

async fn issue_for(store: &Store, callers: u32, long: Duration) -> Result<(u32, Duration)> {
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let store = store.clone();
        tasks.spawn(async move {
            let mut done = 0_u32;
            let mut last = None;
            while began.elapsed() < long {
                let person = (caller * 7_919 + done) % PEOPLE + 1;
                let token = token(caller, done);
                last = Some(store.write_firm(move |tx| issue(tx, person, token, last)).await?);
                done += 1;
            }
            Ok::<_, StoreError>(done)
        });
    }
    let mut total = 0;
    while let Some(done) = tasks.join_next().await {
        total += done??;
    }
    Ok((total, began.elapsed()))
}

/// In no order, as real ones: what is kept by it is all over the place.
fn token(caller: u32, number: u32) -> String {
    let mut mixed = (u64::from(caller) << 32) | u64::from(number);
    for factor in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb] {
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(factor);
    }
    format!("uti:{mixed:022}")
}

/// The transaction behind one certificate: person, groups, grants, token, then session, serial, intent, token use,
/// audit; and the word that the one before it was issued.
fn issue(
    tx: &mut dyn WriteTx,
    number: u32,
    token: String,
    last: Option<Serial>,
) -> Result<Serial, StoreError> {
    let person = tx.person_by_subject(samples::subject(number))?.ok_or(StoreError::Missing("person"))?;
    let _groups = tx.groups_of_person(person.id)?;
    if tx.grants_reaching_person(person.id)?.is_empty() {
        return Err(StoreError::Missing("grant"));
    }
    if let Some(used) = tx.token_use(&token, samples::after(3_600))? {
        return Ok(used.serial);
    }
    let serial = tx.next_serial()?.unwrap_or(samples::serial(1_000_000));
    tx.set_next_serial(serial.next())?;
    record(tx, serial, person.id, token)?;
    if let Some(last) = last {
        tx.mark_issued(last, samples::now())?;
        let event = Event::new(EventName::CertificateIssued, samples::now()).of_request(ulid(last)?);
        tx.append(&event.of_user(person.id).of_serial(last))?;
    }
    Ok(serial)
}

fn record(tx: &mut dyn WriteTx, serial: Serial, user: UserId, token: String) -> Result<(), StoreError> {
    let now = samples::now();
    let session: SessionId = ulid(serial)?;
    let request: RequestId = ulid(serial)?;
    let row = SessionRow { id: session, user, ..samples::session(1) };
    tx.begin_session(&row)?;
    let event = Event::new(EventName::LoginSucceeded, now).of_request(request).of_user(user);
    tx.append(&event.with("session", session.to_string()).with("login", "browser"))?;
    tx.intend(&CertificateRow {
        kind: CertificateKind::User { user, session },
        request,
        tbs: vec![7; TBS_BYTES],
        ..samples::certificate(serial.value(), 1)
    })?;
    tx.use_token(&TokenUse { token, ..samples::token("", serial.value()) })?;
    let event =
        Event::new(EventName::CertificateIntended, now).of_request(request).of_user(user).of_serial(serial);
    let event = event.with("tbs", "A".repeat(TBS_BYTES.div_ceil(3) * 4)).with("session", session.to_string());
    tx.append(&event.with("login", "browser").with("valid_until", now.to_string()))?;
    Ok(())
}

/// In the order of time, as real ones.
fn ulid<K: Kind>(serial: Serial) -> Result<Id<K>, StoreError> {
    format!("{:026}", serial.value()).parse().map_err(|_| StoreError::Missing("id"))
}

async fn fill(store: &Store, groups: u32) -> Result<()> {
    store
        .write(move |tx| {
            for number in 1..=GROUPS {
                tx.put_group(&samples::group(number))?;
                tx.put_grant(&samples::grant(number))?;
            }
            for number in 1..=PEOPLE {
                samples::sign_in(tx, number)?;
                tx.put_resource(&samples::resource(number))?;
                for step in 0..groups {
                    let group = (number + step * 17) % GROUPS + 1;
                    tx.add_member(samples::id(group), samples::id(number))?;
                }
            }
            Ok::<_, StoreError>(())
        })
        .await
        .context("cannot fill the store")
}
