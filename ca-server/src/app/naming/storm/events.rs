//! What happens in a storm.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use rand::Rng;
use rand::seq::index::sample;
use rand::seq::{IteratorRandom, SliceRandom};
use sallyport_domain::{Generation, GrantId, HostPattern, PosixName, Uid, UserId};
use sallyport_protocol::admin::AddGrant;
use sallyport_protocol::names::{
    AdoptAccount, ApplyExpression, ApproveNames, AssignName, NameOf, ReleaseName,
};
use sallyport_protocol::{LocalNames, Report};
use serde_json::json;
use tokio::task::JoinSet;

use super::model::Model;
use super::names;
use super::stage::{Known, Storm, TENANTS, decided, numbers, patch, prod, written};
use crate::app::{App, AuthenticatedHost};

/// What an administrator does.
enum Decision {
    Keep,
    Approve,
    Assign(String),
    /// Both steps, or what is wrong about them; and who gets the name afterwards, if anybody.
    Release {
        name: String,
        how: Release,
        heir: bool,
    },
    Adopt {
        local: PosixName,
        hosts: HostPattern,
    },
    Disown {
        local: PosixName,
        hosts: HostPattern,
    },
    /// A managed POSIX group of that name, to a group of a directory; taken back at once. The name stays a group's.
    Group {
        to: String,
        name: PosixName,
    },
}

#[derive(Clone, Copy)]
enum Release {
    Right,
    WrongWord,
    OneStep,
}

impl Storm {
    pub(super) async fn blow(&mut self, model: &mut Model, batch: usize) {
        let wishes = self.wishes.clone();
        let newcomers = (0..batch).map(|_| self.someone()).collect();
        let created = self.create(newcomers).await;
        let joining: Vec<Known> = created.iter().filter(|_| self.rng.gen_bool(0.75)).cloned().collect();
        self.join(&joining).await;
        let others: Vec<Known> = created.iter().filter(|_| self.rng.gen_bool(0.1)).cloned().collect();
        for circle in TENANTS.len()..2 * TENANTS.len() {
            self.admit(circle, &others, "Add").await;
        }
        self.living.extend(created);
        self.report(model).await;
        self.found(model).await;
        self.mingle(model, batch).await;
        let again = self.turn_over(batch / 4).await;
        self.join(&again).await;
        self.living.extend(again);
        self.leave(batch / 20).await;
        self.too_late(model).await;
        model.follow(&self.app).await;
        self.no_wish_was_passed_over(model, &wishes).await;
    }

    /// Groups that hosts get from here, by grants to whom something is granted already; the oldest such grant ends.
    async fn found(&mut self, model: &mut Model) {
        for circle in 0..TENANTS.len() {
            let Ok(name) = names::typed(&mut self.rng).parse() else { continue };
            self.operations += 1;
            match give(&self.app, &self.circles[circle].id.to_string(), name).await {
                Some(grant) => self.grouping.push_back(grant),
                None => model.count("group refused"),
            }
        }
        while self.grouping.len() > 2 * TENANTS.len() {
            if let Some(oldest) = self.grouping.pop_front() {
                self.app.remove_grant(self.app.new_request_id(), oldest).await.unwrap();
                self.operations += 1;
            }
        }
    }

    /// Renames, suspensions and decisions, all at once.
    async fn mingle(&mut self, model: &Model, batch: usize) {
        let mut renames = JoinSet::new();
        for index in sample(&mut self.rng, self.living.len(), batch / 4) {
            let known = self.living[index].clone();
            let upn = names::upn(&mut self.rng, known.tenant, self.spread);
            let body = self.wishing(&known.object, &upn);
            let (app, tenant) = (self.app.clone(), self.tenants[known.tenant]);
            let wishes = numbers(&body);
            self.asleep.remove(&known.id);
            renames.spawn(async move {
                let outcome = app.replace_user(tenant, app.new_request_id(), known.id, body).await;
                written(outcome).map(|_| (index, upn, wishes))
            });
        }
        let mut rest = JoinSet::new();
        for _ in 0..batch / 2 {
            let index = self.pick();
            let mut user = self.person(&self.living[index]).await.unwrap();
            let decision = self.decision(model);
            match &decision {
                Decision::Disown { local, hosts } => {
                    user = model.adopter(local.as_str(), &hosts.to_string()).unwrap_or(user);
                }
                Decision::Keep | Decision::Approve => {
                    user = model.proposed.choose(&mut self.rng).copied().unwrap_or(user);
                }
                _ => {}
            }
            rest.spawn(decide(self.app.clone(), user, decision));
        }
        self.operations += batch / 4 + batch / 2;
        for (index, upn, wishes) in renames.join_all().await.into_iter().flatten() {
            self.wishes.insert(self.living[index].id, wishes);
            self.living[index].upn = upn;
        }
        // Once more: who renames is not suspended in the same moment, or nobody knows who is.
        for known in self.living.choose_multiple(&mut self.rng, batch / 10).cloned().collect::<Vec<_>>() {
            let (app, tenant) = (self.app.clone(), self.tenants[known.tenant]);
            let active = !self.asleep.insert(known.id);
            if active {
                self.asleep.remove(&known.id);
            }
            let active = if active { "True" } else { "False" };
            let operations = patch(&json!({ "op": "Replace", "path": "active", "value": active }));
            self.operations += 1;
            let request = app.new_request_id();
            rest.spawn(
                async move { drop(written(app.patch_user(tenant, request, known.id, operations).await)) },
            );
        }
        rest.join_all().await;
    }

    fn decision(&mut self, model: &Model) -> Decision {
        let rng = &mut self.rng;
        let host = self.hosts.choose(rng).unwrap();
        let hosts = if rng.gen_bool(0.5) { host.as_str() } else { "*.hosts.test" };
        let local = model
            .local_names(host)
            .filter(|_| rng.gen_bool(0.5))
            .and_then(|names| names.iter().choose(rng).cloned());
        let local = local.unwrap_or_else(|| names::typed(rng));
        let circle = &self.circles[rng.gen_range(0..TENANTS.len())];
        match rng.gen_range(0..17) {
            16 => match local.parse() {
                Ok(name) => Decision::Group { to: circle.id.to_string(), name },
                Err(_) => Decision::Keep,
            },
            0 | 1 => Decision::Keep,
            2 => Decision::Approve,
            3 => Decision::Assign("root".to_owned()),
            4 => Decision::Assign(local),
            5 if !model.left.is_empty() => Decision::Assign(model.left.choose(rng).unwrap().clone()),
            6..=9 if !model.left.is_empty() => Decision::Release {
                name: [&model.orphaned, &model.left][rng.gen_range(0..2)]
                    .choose(rng)
                    .unwrap_or(&model.left[0])
                    .clone(),
                how: *[Release::Right, Release::Right, Release::WrongWord, Release::OneStep]
                    .choose(rng)
                    .unwrap(),
                heir: rng.gen_bool(0.7),
            },
            10 | 11 => match local.parse() {
                Ok(local) => Decision::Adopt { local, hosts: hosts.parse().unwrap() },
                Err(_) => Decision::Keep,
            },
            12 if !model.adoptions.is_empty() => {
                let (_, local, hosts) = model.adoptions.iter().choose(rng).unwrap();
                Decision::Disown { local: local.parse().unwrap(), hosts: hosts.parse().unwrap() }
            }
            _ => Decision::Assign(names::typed(rng)),
        }
    }

    /// Deletes some, and brings them back: the same person, a namesake with an object id of their own, one with the
    /// same object id in another tenant; and now and then somebody claims an object id that is another's.
    async fn turn_over(&mut self, count: usize) -> Vec<Known> {
        let mut again = Vec::new();
        for _ in 0..count {
            let index = self.pick();
            if self.rng.gen_bool(0.15) {
                let (first, upn) =
                    (&self.living[index], names::upn(&mut self.rng, self.living[index].tenant, self.spread));
                again.push((first.tenant, first.object.clone(), upn));
                continue;
            }
            let gone = self.living.swap_remove(index);
            let tenant = self.tenants[gone.tenant];
            self.app.delete_user(tenant, self.app.new_request_id(), gone.id).await.unwrap();
            self.operations += 1;
            self.asleep.remove(&gone.id);
            self.wishes.remove(&gone.id);
            for circle in &mut self.circles {
                circle.members.remove(&gone.id);
            }
            match self.rng.gen_range(0..4) {
                0 => again.push((gone.tenant, gone.object, gone.upn)),
                1 => again.push((gone.tenant, self.object(), gone.upn)),
                2 => {
                    let other = (gone.tenant + 1) % TENANTS.len();
                    again.push((other, gone.object, gone.upn));
                }
                _ => self.departed.push(gone),
            }
        }
        // Some are back after a long time, when their names may be others'.
        for _ in 0..count.min(self.departed.len()) / 4 {
            let index = self.rng.gen_range(0..self.departed.len());
            let back = self.departed.swap_remove(index);
            again.push((back.tenant, back.object, back.upn));
        }
        self.create(again).await
    }

    /// Some are taken out of the groups whose grants stay.
    async fn leave(&mut self, count: usize) {
        let leaving: Vec<Known> = self.living.choose_multiple(&mut self.rng, count).cloned().collect();
        for circle in 0..TENANTS.len() {
            self.admit(circle, &leaving, "Remove").await;
        }
    }

    /// A host is retired, and what was local there is in nobody's way any more; another enrols.
    pub(super) async fn retire(&mut self, model: &mut Model) {
        let name = self.hosts.remove(0);
        model.follow(&self.app).await;
        // Whoever waited for a name that was local there is called so in the same transaction.
        self.app.retire_host(self.app.new_request_id(), name.clone()).await.unwrap();
        model.retired(&name);
        self.operations += 2;
        self.enrol(usize::try_from(self.objects).unwrap()).await;
    }

    /// A host tells which names and numbers are local there by now.
    async fn report(&mut self, model: &mut Model) {
        model.follow(&self.app).await;
        let name = self.hosts.choose(&mut self.rng).unwrap().clone();
        self.operations += 1;
        let next = model.ids.keys().filter(|id| **id < 200_000).max().copied().unwrap_or(70_000);
        let rng = &mut self.rng;
        let local: BTreeSet<String> = (0..40).map(|_| names::typed(rng)).collect();
        let names: BTreeSet<PosixName> = local.iter().filter_map(|name| name.parse().ok()).collect();
        let ids: BTreeSet<u32> = (0..20)
            .map(|_| match rng.gen_range(0..3) {
                0 => rng.gen_range(70_000..70_100),
                1 => rng.gen_range(200_000..200_400),
                _ => next + rng.gen_range(1..60),
            })
            .collect();
        let report = Report {
            applied: Generation::ZERO,
            lease_until: None,
            agent: "storm".to_owned(),
            problems: Vec::new(),
            local: Some(LocalNames {
                names: names.iter().cloned().collect(),
                ids: ids.iter().map(|id| Uid::try_from(*id).unwrap()).collect(),
            }),
        };
        let from = AuthenticatedHost { host: self.host(name.clone()).await, nonce: "storm".to_owned() };
        self.app.take_report(self.app.new_request_id(), from, report).await.unwrap();
        model.reported(&name, names.iter().map(ToString::to_string).collect(), ids);
    }

    /// The word of the first step is worth nothing a day later.
    async fn too_late(&mut self, model: &Model) {
        let Some(name) = model.left.choose(&mut self.rng).cloned() else { return };
        let app = &self.app;
        let ask = |confirm| ReleaseName { name: name.clone(), confirm };
        let asked = decided(app.release_name(app.new_request_id(), ask(None)).await);
        self.clock.skip(SignedDuration::from_hours(25));
        if let Some(asked) = asked {
            let late = app.release_name(app.new_request_id(), ask(asked.confirm)).await;
            assert!(decided(late).is_none(), "{name} was freed a day too late");
        }
        self.operations += 2;
    }

    /// Another expression is put in force, and what it proposes is approved for everybody.
    pub(super) async fn turn(&mut self, model: &mut Model, expression: &str) {
        let ask = ApplyExpression { expression: Some(expression.to_owned()) };
        let summary = self.app.apply_expression(self.app.new_request_id(), ask).await.unwrap();
        model.count("applied");
        let ask = ApproveNames { user: None, expected: None };
        let changes = self.app.approve_names(self.app.new_request_id(), ask).await.unwrap();
        self.operations += 2 + changes.len();
        // The preview counts each name once; an approval may find it left by somebody who was renamed before.
        assert!(changes.len() <= summary.people, "{summary:?}");
        model.follow(&self.app).await;
    }
}

async fn decide(app: App, user: UserId, decision: Decision) {
    let (request, user) = (app.new_request_id(), user.to_string());
    match decision {
        Decision::Keep => drop(decided(app.keep_name(request, NameOf { user }).await)),
        Decision::Approve => {
            let ask = ApproveNames { user: Some(user), expected: None };
            drop(decided(app.approve_names(request, ask).await));
        }
        Decision::Assign(name) => {
            drop(decided(app.assign_name(request, AssignName { user, name }).await));
        }
        Decision::Release { name, how, heir } => release(app, user, name, how, heir).await,
        Decision::Adopt { local, hosts } => {
            let ask = AdoptAccount { user, local, hosts };
            drop(decided(app.adopt_account(request, ask).await));
        }
        Decision::Disown { local, hosts } => {
            let ask = AdoptAccount { user, local, hosts };
            decided(app.disown_account(request, ask).await);
        }
        Decision::Group { to, name } => {
            if let Some(grant) = give(&app, &to, name).await {
                app.remove_grant(app.new_request_id(), grant).await.unwrap();
            }
        }
    }
}

/// Gives a managed POSIX group.
async fn give(app: &App, to: &str, name: PosixName) -> Option<GrantId> {
    let ask = AddGrant {
        group: to.to_owned(),
        tags: prod(),
        posix_groups: BTreeSet::from([name]),
        ..AddGrant::default()
    };
    decided(app.add_grant(app.new_request_id(), ask).await).map(|grant| grant.id)
}

async fn release(app: App, user: String, name: String, how: Release, heir: bool) {
    let ask = |confirm| ReleaseName { name: name.clone(), confirm };
    let step = |confirm| app.release_name(app.new_request_id(), ask(confirm));
    let word = match how {
        Release::OneStep => Some("00000000".to_owned()),
        Release::Right | Release::WrongWord => match decided(step(None).await) {
            Some(asked) if matches!(how, Release::Right) => asked.confirm,
            Some(_) => Some("nonsense".to_owned()),
            None => return,
        },
    };
    let freed = decided(step(word).await);
    assert!(freed.is_none() || matches!(how, Release::Right), "{name} was freed without its word");
    if freed.is_some() && heir {
        drop(decided(app.assign_name(app.new_request_id(), AssignName { user, name }).await));
    }
}
