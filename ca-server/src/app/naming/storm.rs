//! Storms of renames, deletions, re-creations and collisions in several tenants at once, watched by a model that
//! knows the record and the people's rows, and none of the code that names them.
//!
//! `SALLYPORT_STORM=100000` makes it that many people.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sallyport_client::SystemClock;
use sallyport_domain::{ResourceId, Tags, TenantId, UserId};
use sallyport_entra::{HttpClient, Issuer};
use sallyport_protocol::admin::AddGrant;
use sallyport_protocol::names::{ApproveNames, AssignName, NameOf};
use sallyport_scim::parse_patch;
use sallyport_store::StoreError;
use sallyport_store_sqlite::SqliteStore;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::app::{App, ShowMembers};
use crate::config::{self, Template};
use crate::signer::Keys;

const SEED: u64 = 0x5a11;
/// People a round.
const ROUND: usize = 250;
const TENANTS: [&str; 3] = [
    "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311",
    "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d322",
    "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d333",
];
const FIRST: [&str; 20] = [
    "mara", "otto", "ida", "noor", "jens", "lea", "aldo", "rosa", "tomas", "yusuf", "wei", "kim", "eva",
    "sven", "priya", "paul", "olga", "ines", "hugo", "zoë",
];
const LAST: [&str; 25] = [
    "lind",
    "berg",
    "okafor",
    "nowak",
    "silva",
    "tanaka",
    "haas",
    "moreau",
    "ricci",
    "novak",
    "adeyemi",
    "khan",
    "larsen",
    "petrov",
    "fischer",
    "o'neil",
    "van.dyk",
    "smith-jones",
    "ubuntu",
    "müller",
    "li",
    "x",
    "costa",
    "dahl",
    "eriksen",
];

/// A resource as its directory knows it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) tenant: usize,
    pub(super) id: ResourceId,
    pub(super) object: String,
    pub(super) upn: String,
}

pub(super) struct Storm {
    pub(super) app: App,
    rng: ChaCha8Rng,
    pub(super) tenants: Vec<TenantId>,
    groups: Vec<sallyport_domain::GroupId>,
    living: Vec<Known>,
    objects: u64,
}

/// What was ever seen: to which subject each name and each number belongs.
#[derive(Default)]
struct Model {
    names: HashMap<String, String>,
    ids: HashMap<u32, String>,
    /// Of each subject, the numbers that it was given.
    pinned: HashMap<String, (u32, u32)>,
    subjects: HashMap<UserId, String>,
    next_record: u64,
}

impl Model {
    fn saw(&mut self, subject: &str, name: &str) {
        let holder = self.names.entry(name.to_owned()).or_insert_with(|| subject.to_owned());
        assert_eq!(holder, subject, "{name} changed hands");
        assert!(!["ubuntu", "root"].contains(&name) && name.len() <= 32 && name.is_ascii(), "{name}");
    }

    fn saw_numbers(&mut self, subject: &str, uid: u32, gid: u32) {
        for number in [uid, gid] {
            let holder = self.ids.entry(number).or_insert_with(|| subject.to_owned());
            assert_eq!(holder, subject, "{number} changed hands");
        }
        let pinned = self.pinned.entry(subject.to_owned()).or_insert((uid, gid));
        assert_eq!(*pinned, (uid, gid), "{subject} was renumbered");
    }

    /// Reads everybody's row, and every record since the last look: what stood in between counts too.
    async fn look(&mut self, app: &App) {
        let after = self.next_record;
        let (people, records) = app
            .store()
            .read(move |tx| Ok::<_, StoreError>((tx.people()?, tx.audit_after(after, usize::MAX)?)))
            .await
            .unwrap();
        for person in &people {
            let Some(object) = person.object else { continue };
            let subject = format!("{}/{object}", person.tenant);
            let known = self.subjects.entry(person.id).or_insert_with(|| subject.clone());
            assert_eq!(*known, subject, "a person became another");
            if let Some(name) = &person.posix_name {
                self.saw(&subject, name.as_str());
            }
            if let (Some(uid), Some(gid)) = (person.uid, person.gid) {
                self.saw_numbers(&subject, uid.value(), gid.value());
            }
        }
        for record in records {
            self.next_record = record.seq;
            let event = record.event().unwrap();
            let Some(subject) = event.user.and_then(|user| self.subjects.get(&user).cloned()) else {
                continue;
            };
            let text = |key: &str| event.detail.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
            match event.name.as_str() {
                "name.pinned" => {
                    self.saw(&subject, &text("name").unwrap());
                    let number = |key: &str| u32::try_from(event.detail[key].as_u64().unwrap()).unwrap();
                    self.saw_numbers(&subject, number("uid"), number("gid"));
                }
                "name.renamed" => {
                    self.saw(&subject, &text("from").unwrap());
                    self.saw(&subject, &text("to").unwrap());
                }
                "name.assigned" => self.saw(&subject, &text("name").unwrap()),
                _ => {}
            }
        }
    }
}

impl Storm {
    pub(super) async fn brew(folder: &std::path::Path) -> Self {
        let text = config::template(&Template {
            tenant: TENANTS[0],
            client_id: "c11e0001-5a5a-4b4b-8c8c-0000000000c1",
            issuer: "http://127.0.0.1:1",
            host_domains: &[],
            device: "off",
            address: "127.0.0.1:0",
            tls_names: &[],
        });
        let text = text
            .replace("# uid_ranges = [\"70000-99999\"]", "uid_ranges = [\"70000-70099\", \"100000-400000\"]");
        let path = folder.join("sallyport.toml");
        std::fs::write(&path, &text).unwrap();
        let config = config::check_text(&path, &text).unwrap();
        std::fs::create_dir(config.keys_path()).unwrap();
        let keys = Keys::create(&config.keys_path()).unwrap();
        let store = SqliteStore::open(&config.store_path()).unwrap().into_store();
        let tls = sallyport_trust_roots::system(None).unwrap();
        let http = HttpClient::new(tls, Duration::from_secs(1)).unwrap();
        let issuer = Issuer::new(config.ca.issuer.clone(), http);
        let app = App::new(config, keys, store, issuer, Arc::new(SystemClock), Vec::new());
        let tenants: Vec<TenantId> = TENANTS.iter().map(|tenant| tenant.parse().unwrap()).collect();
        let mut groups = Vec::new();
        for (index, tenant) in tenants.iter().enumerate() {
            let body =
                object(json!({ "displayName": format!("g{index}"), "externalId": format!("g{index}") }));
            let group = app.create_group(*tenant, app.new_request_id(), body).await.unwrap().row.id;
            let tags = Tags::new(["env=prod".parse().unwrap()]).unwrap();
            let ask = AddGrant { group: group.to_string(), tags, sudo: false };
            app.add_grant(app.new_request_id(), ask).await.unwrap();
            groups.push(group);
        }
        let rng = ChaCha8Rng::seed_from_u64(SEED);
        Self { app, rng, tenants, groups, living: Vec::new(), objects: 0 }
    }

    fn upn(&mut self, tenant: usize) -> String {
        let first = FIRST.choose(&mut self.rng).unwrap();
        let last = LAST.choose(&mut self.rng).unwrap();
        let local = match self.rng.gen_range(0..8) {
            0 => (*last).to_owned(),
            1 => format!("{first}..{last}"),
            2 => format!("{}.{}", first.to_uppercase(), last),
            3 => format!("{first}.{last}"),
            _ => format!("{first}.{last}{}", self.rng.gen_range(0..200)),
        };
        format!("{local}@tenant{tenant}.test")
    }

    fn object(&mut self) -> String {
        self.objects += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.objects)
    }

    pub(super) fn someone(&mut self) -> (usize, String, String) {
        let tenant = self.rng.gen_range(0..TENANTS.len());
        (tenant, self.object(), self.upn(tenant))
    }

    /// Creates all of them at once; who is refused (a taken userName) is nobody.
    pub(super) async fn create(&mut self, people: Vec<(usize, String, String)>) -> Vec<Known> {
        let mut set = JoinSet::new();
        for (tenant, object, upn) in people {
            let (app, tenant_id) = (self.app.clone(), self.tenants[tenant]);
            let wants = self.rng.gen_bool(0.1).then(|| self.rng.gen_range(200_000..200_400));
            set.spawn(async move {
                let created =
                    app.create_user(tenant_id, app.new_request_id(), body(&object, &upn, wants)).await;
                created.ok().map(|row| Known { tenant, id: row.id, object, upn })
            });
        }
        let mut created: Vec<Known> = set.join_all().await.into_iter().flatten().collect();
        created.sort_by(|a, b| a.object.cmp(&b.object));
        created
    }

    pub(super) async fn join(&mut self, people: &[Known]) {
        for tenant in 0..TENANTS.len() {
            let members: Vec<Value> = people
                .iter()
                .filter(|known| known.tenant == tenant)
                .map(|known| json!({ "value": known.id.to_string() }))
                .collect();
            let patch = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{ "op": "Add", "path": "members", "value": members }] });
            let operations = parse_patch(&object(patch)).unwrap();
            let request = self.app.new_request_id();
            let show = ShowMembers::No;
            self.app
                .patch_group(self.tenants[tenant], request, self.groups[tenant], operations, show)
                .await
                .unwrap();
        }
    }

    async fn rename(&mut self, count: usize) {
        let mut set = JoinSet::new();
        for _ in 0..count {
            let Some(index) = self.pick() else { return };
            let upn = self.upn(self.living[index].tenant);
            let known = self.living[index].clone();
            let (app, tenant) = (self.app.clone(), self.tenants[known.tenant]);
            set.spawn(async move {
                let body = body(&known.object, &upn, None);
                let renamed = app.replace_user(tenant, app.new_request_id(), known.id, body).await;
                (index, renamed.ok().map(|_| upn))
            });
        }
        for (index, upn) in set.join_all().await {
            if let Some(upn) = upn {
                self.living[index].upn = upn;
            }
        }
    }

    /// Deletes some, and brings them back: the same person, or a namesake with an object id of their own.
    async fn turn_over(&mut self, count: usize) -> Vec<Known> {
        let mut again = Vec::new();
        for _ in 0..count {
            let Some(index) = self.pick() else { break };
            let gone = self.living.swap_remove(index);
            let tenant = self.tenants[gone.tenant];
            self.app.delete_user(tenant, self.app.new_request_id(), gone.id).await.unwrap();
            match self.rng.gen_range(0..3) {
                0 => again.push((gone.tenant, gone.object, gone.upn)),
                1 => again.push((gone.tenant, self.object(), gone.upn)),
                _ => {
                    let other = (gone.tenant + 1) % TENANTS.len();
                    again.push((other, gone.object, gone.upn));
                }
            }
        }
        self.create(again).await
    }

    /// What administrators do, right and wrong.
    async fn decide(&mut self, count: usize) {
        for _ in 0..count {
            let Some(index) = self.pick() else { return };
            let user = self.living[index].object.clone();
            let app = &self.app;
            match self.rng.gen_range(0..4) {
                0 => drop(app.keep_name(app.new_request_id(), NameOf { user }).await),
                1 => drop(
                    app.approve_names(
                        app.new_request_id(),
                        ApproveNames { user: Some(user), expected: None },
                    )
                    .await,
                ),
                _ => {
                    let name = format!("{}{}", FIRST[self.rng.gen_range(0..19)], self.rng.gen_range(0..60));
                    drop(app.assign_name(app.new_request_id(), AssignName { user, name }).await);
                }
            }
        }
    }

    fn pick(&mut self) -> Option<usize> {
        (!self.living.is_empty()).then(|| self.rng.gen_range(0..self.living.len()))
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

pub(super) fn body(object_id: &str, upn: &str, uid: Option<u32>) -> Map<String, Value> {
    let mut body = json!({ "userName": upn, "externalId": object_id, "active": true });
    if let Some(uid) = uid {
        body["urn:ietf:params:scim:schemas:extension:sallyport:2.0:User"] = json!({ "uidNumber": uid });
    }
    object(body)
}

#[tokio::test]
async fn no_name_and_no_number_ever_belongs_to_two() {
    let people: usize = std::env::var("SALLYPORT_STORM").ok().map_or(1_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut storm = Storm::brew(folder.path()).await;
    let mut model = Model::default();
    let rounds = people.div_ceil(ROUND);
    for round in 0..rounds {
        let newcomers = (0..ROUND).map(|_| storm.someone()).collect();
        let created = storm.create(newcomers).await;
        let joining: Vec<Known> = created.iter().filter(|_| storm.rng.gen_bool(0.8)).cloned().collect();
        storm.join(&joining).await;
        storm.living.extend(created);
        storm.rename(ROUND / 4).await;
        let again = storm.turn_over(ROUND / 8).await;
        storm.join(&again).await;
        storm.living.extend(again);
        storm.decide(if rounds > 40 { 3 } else { ROUND / 20 }).await;
        if round % 10 == 0 || round + 1 == rounds {
            model.look(&storm.app).await;
        }
    }
    // The storm did what it was meant to: names and numbers were given, refused, renamed, and wanted twice.
    let issues = storm.app.name_issues().await.unwrap();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for issue in &issues {
        *kinds.entry(issue.kind.as_str()).or_default() += 1;
    }
    for kind in ["conflict", "number", "rename"] {
        assert!(kinds.get(kind).is_some_and(|count| *count > 0), "{kind}: {kinds:?}");
    }
    assert!(model.names.len() > people / 4 && model.ids.len() > 100, "{} names", model.names.len());
    let verdict = storm.app.verify_audit().await.unwrap();
    assert_eq!(verdict.problems, Vec::<String>::new());
}
