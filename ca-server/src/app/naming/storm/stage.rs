//! The CA that the storm is about, its directories and hosts, and what was done to them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sallyport_domain::{
    Clock, Generation, GrantId, GroupId, HostId, HostName, HostState, ResourceId, Tags, TenantId, UserId,
    UserState,
};
use sallyport_protocol::admin::{AddConnection, AddGrant};
use sallyport_scim::{Operation, ScimError, parse_patch};
use sallyport_store::{HostRow, PersonRow, ReportRow, StoreError};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::model::Model;
use super::{SEEDS, names};
use crate::app::testing::{TENANT, app_with, object};
use crate::app::{App, AppError, DirectoryError, ShowMembers};

pub(super) const TENANTS: [&str; 3] =
    [TENANT, "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d322", "7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d333"];

const EXTENSION: &str = "urn:ietf:params:scim:schemas:extension:sallyport:2.0:User";

/// A resource as its directory knows it.
#[derive(Clone, Debug)]
pub(in crate::app::naming) struct Known {
    pub(in crate::app::naming) tenant: usize,
    pub(in crate::app::naming) id: ResourceId,
    pub(in crate::app::naming) object: String,
    pub(in crate::app::naming) upn: String,
}

impl Known {
    fn subject(&self) -> String {
        format!("{}/{}", TENANTS[self.tenant], self.object)
    }
}

/// A group, what it opens, and whom its directory put in.
pub(super) struct Circle {
    tenant: usize,
    pub(super) id: GroupId,
    grant: Option<GrantId>,
    pub(super) members: HashMap<ResourceId, String>,
}

pub(in crate::app::naming) struct Storm {
    pub(in crate::app::naming) app: App,
    pub(in crate::app::naming) tenants: Vec<TenantId>,
    pub(super) rng: ChaCha8Rng,
    pub(super) clock: Arc<Hand>,
    /// One of each tenant whose grant stays, then one of each whose grant comes and goes.
    pub(super) circles: Vec<Circle>,
    pub(super) living: Vec<Known>,
    pub(super) asleep: HashSet<ResourceId>,
    /// Who was deleted, and may be back.
    pub(super) departed: Vec<Known>,
    /// The numbers that directories send for people.
    pub(super) wishes: HashMap<ResourceId, Vec<u32>>,
    pub(super) hosts: Vec<HostName>,
    /// Grants that give POSIX groups, the oldest first.
    pub(super) grouping: VecDeque<GrantId>,
    pub(super) objects: u64,
    /// More people have more names.
    pub(super) spread: usize,
    pub(super) operations: usize,
}

/// A millisecond later each time that it is asked.
pub(super) struct Hand(AtomicI64);

impl Hand {
    pub(super) fn skip(&self, time: SignedDuration) {
        self.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.fetch_add(1, Ordering::Relaxed)).unwrap()
    }
}

impl Storm {
    pub(in crate::app::naming) async fn brew(folder: &Path) -> Self {
        Self::seeded(folder, SEEDS[0]).await
    }

    pub(super) async fn seeded(folder: &Path, seed: u64) -> Self {
        let clock = Arc::new(Hand(AtomicI64::new(1_767_225_600_000)));
        let tenants = TENANTS.iter().map(|tenant| tenant.parse().unwrap()).collect();
        let mut storm = Self {
            app: app(folder, Arc::clone(&clock)),
            tenants,
            rng: ChaCha8Rng::seed_from_u64(seed),
            clock,
            circles: Vec::new(),
            living: Vec::new(),
            asleep: HashSet::new(),
            departed: Vec::new(),
            wishes: HashMap::new(),
            hosts: Vec::new(),
            grouping: VecDeque::new(),
            objects: 0,
            spread: 400,
            operations: 0,
        };
        for index in 0..2 * TENANTS.len() {
            let tenant = index % TENANTS.len();
            let body =
                object(json!({ "displayName": format!("g{index}"), "externalId": format!("g{index}") }));
            let request = storm.app.new_request_id();
            let group = storm.app.create_group(storm.tenants[tenant], request, body).await.unwrap();
            let circle = Circle { tenant, id: group.row.id, grant: None, members: HashMap::new() };
            storm.circles.push(circle);
            if index < TENANTS.len() {
                storm.toggle(index).await;
            }
        }
        storm
    }

    /// A connection of each tenant.
    pub(super) async fn connect(&self) {
        self.app.prepare().await.unwrap();
        for (name, tenant) in [("second", self.tenants[1]), ("third", self.tenants[2])] {
            let ask = AddConnection { name: name.parse().unwrap(), tenant };
            self.app.add_connection(self.app.new_request_id(), ask).await.unwrap();
        }
    }

    pub(super) fn object(&mut self) -> String {
        self.objects += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.objects)
    }

    pub(in crate::app::naming) fn someone(&mut self) -> (usize, String, String) {
        let tenant = self.rng.gen_range(0..TENANTS.len());
        (tenant, self.object(), names::upn(&mut self.rng, tenant, self.spread))
    }

    /// Creates all of them at once; who is refused (a taken userName) is nobody.
    pub(in crate::app::naming) async fn create(
        &mut self,
        people: Vec<(usize, String, String)>,
    ) -> Vec<Known> {
        let mut set = JoinSet::new();
        self.operations += people.len();
        for (tenant, object, upn) in people {
            let (app, tenant_id) = (self.app.clone(), self.tenants[tenant]);
            let body = self.wishing(&object, &upn);
            let wishes = numbers(&body);
            set.spawn(async move {
                let created = written(app.create_user(tenant_id, app.new_request_id(), body).await);
                created.map(|row| (Known { tenant, id: row.id, object, upn }, wishes))
            });
        }
        let created: Vec<_> = set.join_all().await.into_iter().flatten().collect();
        self.wishes.extend(created.iter().map(|(known, wishes)| (known.id, wishes.clone())));
        let mut created: Vec<Known> = created.into_iter().map(|(known, _)| known).collect();
        created.sort_by(|a, b| a.object.cmp(&b.object));
        created
    }

    /// What a directory says of somebody: now and then with a name and numbers.
    pub(super) fn wishing(&mut self, object_id: &str, upn: &str) -> Map<String, Value> {
        let mut body = body(object_id, upn, None);
        let mut wishes = Map::new();
        for key in ["uidNumber", "gidNumber"] {
            wishes.extend(names::number(&mut self.rng).map(|number| (key.to_owned(), number.into())));
        }
        if self.rng.gen_bool(0.03) {
            wishes.insert("posixName".to_owned(), names::typed(&mut self.rng).into());
        }
        if !wishes.is_empty() {
            body.insert(EXTENSION.to_owned(), wishes.into());
        }
        body
    }

    pub(in crate::app::naming) async fn join(&mut self, people: &[Known]) {
        for circle in 0..TENANTS.len() {
            self.admit(circle, people, "Add").await;
        }
    }

    /// Puts those of the group's tenant in, or takes them out.
    pub(super) async fn admit(&mut self, circle: usize, people: &[Known], operation: &str) {
        let circle = &mut self.circles[circle];
        let people: Vec<&Known> = people.iter().filter(|known| known.tenant == circle.tenant).collect();
        if people.is_empty() {
            return;
        }
        for known in &people {
            match operation {
                "Add" => circle.members.insert(known.id, known.subject()),
                _ => circle.members.remove(&known.id),
            };
        }
        let members: Vec<Value> =
            people.iter().map(|known| json!({ "value": known.id.to_string() })).collect();
        let operations = patch(&json!({ "op": operation, "path": "members", "value": members }));
        let (tenant, group) = (self.tenants[circle.tenant], circle.id);
        let request = self.app.new_request_id();
        self.app.patch_group(tenant, request, group, operations, ShowMembers::No).await.unwrap();
        self.operations += people.len();
    }

    /// Gives the group what it opens, or takes it away.
    pub(super) async fn toggle(&mut self, circle: usize) {
        let circle = &mut self.circles[circle];
        let request = self.app.new_request_id();
        if let Some(grant) = circle.grant.take() {
            self.app.remove_grant(request, grant).await.unwrap();
        } else {
            let ask = AddGrant { group: circle.id.to_string(), tags: prod(), ..AddGrant::default() };
            circle.grant = Some(self.app.add_grant(request, ask).await.unwrap().id);
        }
        self.operations += 1;
    }

    pub(super) async fn enrol(&mut self, number: usize) {
        let name: HostName = format!("h{number}.hosts.test").parse().unwrap();
        let now = self.app.now();
        let row = HostRow {
            id: HostId::generate(now, &mut rand::rngs::OsRng),
            names: vec![name.clone()],
            name: name.clone(),
            tags: prod(),
            state: HostState::Live,
            machine_key: format!("ssh-ed25519 {number}"),
            machine_fingerprint: format!("SHA256:{number}"),
            generation: Generation::ZERO.next(now),
            enrolled_at: now,
            report: ReportRow::default(),
        };
        let put: Result<(), StoreError> = self.app.store().write(move |tx| tx.put_host(&row)).await;
        put.unwrap();
        self.hosts.push(name);
    }

    pub(super) async fn host(&self, name: HostName) -> HostRow {
        let read: Result<_, StoreError> = self.app.store().read(move |tx| tx.host_by_name(&name)).await;
        read.unwrap().unwrap()
    }

    pub(super) fn pick(&mut self) -> usize {
        self.rng.gen_range(0..self.living.len())
    }

    /// The person who a resource stands for now.
    pub(super) async fn person(&self, known: &Known) -> Option<UserId> {
        let (tenant, id) = (self.tenants[known.tenant], known.id);
        let read: Result<_, StoreError> =
            self.app.store().read(move |tx| tx.resource_label(tenant, id)).await;
        read.unwrap().map(|label| label.user)
    }

    /// Nobody was given a number that all the time was wished for somebody else: neither then gets it.
    pub(super) async fn no_wish_was_passed_over(
        &self,
        model: &mut Model,
        before: &HashMap<ResourceId, Vec<u32>>,
    ) {
        let mut wishers: HashMap<u32, Vec<ResourceId>> = HashMap::new();
        for (resource, wishes) in
            before.iter().filter(|(resource, wishes)| self.wishes.get(resource) == Some(wishes))
        {
            for number in wishes {
                wishers.entry(*number).or_default().push(*resource);
            }
        }
        for number in model.grouped.split_off(0) {
            assert!(!wishers.contains_key(&number), "{number} was given to a group and wished for somebody");
        }
        for (user, number) in model.numbered.split_off(0) {
            for resource in wishers.get(&number).into_iter().flatten() {
                let wisher = self.living.iter().find(|known| known.id == *resource).unwrap();
                let wisher = self.person(wisher).await.unwrap();
                assert_eq!(wisher, user, "{number} was given to {user} and wished for {wisher} too");
                model.count("got the number that was sent");
            }
        }
    }

    /// Compares everything: the model with the rows, and what directories sent with what hosts are told.
    pub(super) async fn look(&self, model: &mut Model, thoroughly: bool) {
        let people = model.look(&self.app, thoroughly).await;
        let entering = self.entering(&people);
        for host in &self.hosts {
            let host = self.host(host.clone()).await;
            model.look_at(&self.app, host, &entering).await;
        }
        if thoroughly {
            let by_id: HashMap<UserId, &PersonRow> =
                people.iter().map(|person| (person.id, person)).collect();
            for known in &self.living {
                let person = by_id[&self.person(known).await.unwrap()];
                let object = person.object.is_none_or(|object| object.to_string() == known.object);
                assert!(object && person.tenant == self.tenants[known.tenant], "{known:?}: {person:?}");
            }
        }
    }

    /// Whom hosts let in: by the directories' own lists, and the rows that say who is active by what name.
    fn entering(&self, people: &[PersonRow]) -> HashSet<UserId> {
        let open = self.circles.iter().filter(|circle| circle.grant.is_some());
        let members: HashSet<&str> =
            open.flat_map(|circle| circle.members.values()).map(String::as_str).collect();
        let asleep = self.living.iter().filter(|known| self.asleep.contains(&known.id));
        let asleep: HashSet<String> = asleep.map(Known::subject).collect();
        let mut entering = HashSet::new();
        for person in people.iter().filter(|person| person.posix_name.is_some()) {
            let Some(object) = person.object else { continue };
            let subject = format!("{}/{object}", person.tenant);
            if person.state == UserState::Active && members.contains(subject.as_str()) {
                assert!(!asleep.contains(&subject), "{subject} is suspended and active");
                entering.insert(person.id);
            }
        }
        entering
    }
}

fn app(folder: &Path, clock: Arc<Hand>) -> App {
    app_with(folder, clock, |text| {
        text.replace("# uid_ranges = [\"70000-99999\"]", "uid_ranges = [\"70000-70099\", \"100000-400000\"]")
    })
}

pub(super) fn prod() -> Tags {
    Tags::new(["env=prod".parse().unwrap()]).unwrap()
}

/// The numbers that are wished for, as far as they can be anybody's.
pub(super) fn numbers(body: &Map<String, Value>) -> Vec<u32> {
    let wishes = body.get(EXTENSION).and_then(Value::as_object);
    let numbers = ["uidNumber", "gidNumber"].into_iter().filter_map(|key| wishes?.get(key)?.as_u64());
    numbers.filter_map(|number| u32::try_from(number).ok()).collect()
}

pub(super) fn patch(operation: &Value) -> Vec<Operation> {
    let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    parse_patch(&object(json!({ "schemas": [schema], "Operations": [operation] }))).unwrap()
}

pub(in crate::app::naming) fn body(object_id: &str, upn: &str, uid: Option<u32>) -> Map<String, Value> {
    let mut body = json!({ "userName": upn, "externalId": object_id, "active": true });
    if let Some(uid) = uid {
        body[EXTENSION] = json!({ "uidNumber": uid });
    }
    object(body)
}

/// A write of a directory's fails for a taken userName, or because somebody was deleted meanwhile, and for no reason
/// of ours.
pub(super) fn written<T>(outcome: Result<T, DirectoryError>) -> Option<T> {
    match outcome {
        Ok(written) => Some(written),
        Err(DirectoryError::Noted(ScimError::Uniqueness(what))) if what == "userName" => None,
        Err(DirectoryError::Noted(ScimError::NotFound(_))) => None,
        Err(error) => panic!("a directory's write failed: {error:?}"),
    }
}

/// An administrator is refused, and never fails.
pub(super) fn decided<T>(outcome: Result<T, AppError>) -> Option<T> {
    match outcome {
        Ok(done) => Some(done),
        Err(AppError::Refused(_)) => None,
        Err(error) => panic!("a decision failed: {error:?}"),
    }
}
