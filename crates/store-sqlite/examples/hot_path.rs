//! What one certificate costs the store, and how many a second one writer takes.
//!
//! `cargo run --release -p sallyport-store-sqlite --example hot_path [FOLDER] [CALLERS] [SECONDS] [GROUPS OF A PERSON]`

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sallyport_audit::{Event, EventName};
use sallyport_domain::{RequestId, Serial};
use sallyport_store::conformance::samples;
use sallyport_store::{CertificateKind, CertificateRow, GrantRow, Store, StoreError, TokenUse, WriteTx};
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
            while began.elapsed() < long {
                let person = (caller * 7_919 + done) % PEOPLE + 1;
                let token = format!("https://login.contoso.test {caller}-{done}");
                store.write(move |tx| issue(tx, person, token)).await?;
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

/// The transaction behind one certificate: token, person, groups, grants, then serial, intent, token use, audit.
fn issue(tx: &mut dyn WriteTx, number: u32, token: String) -> Result<Serial, StoreError> {
    let now = samples::now();
    if let Some(used) = tx.token_use(&token)? {
        return Ok(used.serial);
    }
    let person = tx.person_by_subject(samples::subject(number))?.ok_or(StoreError::Missing("person"))?;
    let resource = tx.resource_of_person(person.id)?.ok_or(StoreError::Missing("resource"))?;
    let mut grants: Vec<GrantRow> = Vec::new();
    for group in tx.groups_of(resource.id)? {
        grants.extend(tx.grants_of(group)?);
    }
    if grants.is_empty() {
        return Err(StoreError::Missing("grant"));
    }
    let serial = tx.next_serial()?.unwrap_or(samples::serial(1));
    let request: RequestId = samples::id(number);
    tx.intend(&CertificateRow {
        kind: CertificateKind::User { user: person.id, session: samples::id(number) },
        request,
        tbs: vec![7; TBS_BYTES],
        ..samples::certificate(serial.value(), number)
    })?;
    tx.use_token(&TokenUse { token, ..samples::token("", serial.value()) })?;
    let event = Event::new(EventName::CertificateIntended, now)
        .of_request(request)
        .of_user(person.id)
        .of_serial(serial)
        .with("tbs", "A".repeat(TBS_BYTES.div_ceil(3) * 4));
    tx.append(&event)?;
    tx.set_next_serial(serial.next())?;
    Ok(serial)
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
