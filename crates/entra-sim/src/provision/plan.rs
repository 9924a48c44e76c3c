//! What a cycle has to do, from the directory and the job's memory. Pure.

use std::collections::BTreeSet;

use serde::Serialize;
use uuid::Uuid;

use super::job::{Attributes, Job, Linked};
use super::mapping::{self, Kind, Mapping};
use crate::tenant::Tenant;

/// Which of Entra's cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cycle {
    /// Everything in scope is matched again, and sent where it differs.
    Initial,
    /// What changed since it was last sent.
    Incremental,
}

/// What to do about one object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Look for it; PATCH what differs, or create it.
    Match { oid: Uuid, wanted: Attributes },
    /// Read it, then PATCH what changed since it was last sent.
    Update { oid: Uuid, linked: Linked, wanted: Attributes },
    /// It has left the directory for ever.
    Delete { oid: Uuid, id: String },
}

/// Membership changes of one group, as object ids.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Membership {
    pub(super) group: Uuid,
    pub(super) add: BTreeSet<Uuid>,
    pub(super) remove: BTreeSet<Uuid>,
}

/// Deletions first, so that a name is free again when its next bearer comes.
pub(super) fn users(tenant: &Tenant, job: &Job, cycle: Cycle, mapping: Mapping) -> Vec<Step> {
    let gone = |oid: &Uuid| tenant.user_by_oid(*oid).is_none();
    let mut steps: Vec<Step> = deletions(job.users.iter().filter(|(oid, _)| gone(oid)));
    for user in &tenant.users {
        let linked = job.users.get(&user.oid);
        if linked.is_none() && !mapping::active(user) {
            continue;
        }
        let was_active = |linked: &Linked| linked.sent.get("active").is_none_or(|value| value == true);
        // A re-enabled user is assigned anew, which begins with matching.
        let again = mapping::active(user) && linked.is_some_and(|linked| !was_active(linked));
        let (wanted, again) = (mapping.user(user), again || cycle == Cycle::Initial);
        let rename = renamed(linked, mapping.matching(Kind::User, &wanted));
        steps.extend(step(user.oid, linked, wanted, again && !rename));
    }
    steps
}

pub(super) fn groups(tenant: &Tenant, job: &Job, cycle: Cycle, mapping: Mapping) -> Vec<Step> {
    let gone = |oid: &Uuid| tenant.groups.iter().all(|group| group.oid != *oid);
    let mut steps: Vec<Step> = deletions(job.groups.iter().filter(|(oid, _)| gone(oid)));
    for group in &tenant.groups {
        let (linked, wanted) = (job.groups.get(&group.oid), Mapping::group(group));
        let rename = renamed(linked, mapping.matching(Kind::Group, &wanted));
        steps.extend(step(group.oid, linked, wanted, cycle == Cycle::Initial && !rename));
    }
    steps
}

/// After users and groups: only members and groups that the server has can be named.
pub(super) fn members(tenant: &Tenant, job: &Job, cycle: Cycle) -> Vec<Membership> {
    let mut changes = Vec::new();
    for group in &tenant.groups {
        let Some(linked) = job.groups.get(&group.oid) else { continue };
        // Groups inside groups are not followed: only users are members.
        let known = |oids: &BTreeSet<Uuid>| -> BTreeSet<Uuid> {
            oids.iter().copied().filter(|oid| job.users.contains_key(oid)).collect()
        };
        let (wanted, told) = (known(&group.members), known(&linked.members));
        let add = match cycle {
            Cycle::Initial => wanted.clone(),
            Cycle::Incremental => &wanted - &told,
        };
        let remove = &told - &wanted;
        if !(add.is_empty() && remove.is_empty()) {
            changes.push(Membership { group: group.oid, add, remove });
        }
    }
    changes
}

fn step(oid: Uuid, linked: Option<&Linked>, wanted: Attributes, again: bool) -> Option<Step> {
    match linked {
        Some(linked) if !again => {
            let linked = linked.clone();
            (linked.sent != wanted).then_some(Step::Update { oid, linked, wanted })
        }
        _ => Some(Step::Match { oid, wanted }),
    }
}

/// Matching by the new name would not find the object that bears the old one.
fn renamed(linked: Option<&Linked>, (attribute, value): (&str, String)) -> bool {
    linked.is_some_and(|linked| linked.sent.get(attribute).is_none_or(|sent| *sent != value))
}

fn deletions<'a>(gone: impl Iterator<Item = (&'a Uuid, &'a Linked)>) -> Vec<Step> {
    gone.map(|(oid, linked)| Step::Delete { oid: *oid, id: linked.id.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const MARA: &str = "0a0a0a0a-1111-4222-8333-444455556666";

    fn tenant() -> Tenant {
        let file = format!(
            "tenant='7b1e4c52-0d3a-4f6e-9a41-5c2f8e90d311'\nclient_id='c11e0001-5a5a-4b4b-8c8c-0000000000c1'\n\
             [[user]]\noid='{MARA}'\nupn='mara.lind@contoso.test'\npassword='x'\n\
             [[user]]\noid='0b0b0b0b-1111-4222-8333-444455556666'\nupn='idle@contoso.test'\npassword='x'\nenabled=false\n\
             [[group]]\noid='3c3c3c3c-2222-4333-8444-555566667777'\nname='sre'\n\
             members=['{MARA}','0b0b0b0b-1111-4222-8333-444455556666','3d3d3d3d-2222-4333-8444-555566667777']\n\
             [[group]]\noid='3d3d3d3d-2222-4333-8444-555566667777'\nname='nested'\n"
        );
        Tenant::from_toml(&file).unwrap()
    }

    /// A job whose last cycle sent all of `tenant`.
    fn settled(tenant: &Tenant) -> Job {
        let mut job = Job { revision: 1, ..Job::default() };
        for user in tenant.users.iter().filter(|user| mapping::active(user)) {
            let sent = Mapping::default().user(user);
            job.users
                .insert(user.oid, Linked { id: format!("u-{}", user.upn), sent, members: BTreeSet::new() });
        }
        for group in &tenant.groups {
            let members = group.members.iter().copied().filter(|oid| job.users.contains_key(oid)).collect();
            job.groups.insert(
                group.oid,
                Linked { id: format!("g-{}", group.name), sent: Mapping::group(group), members },
            );
        }
        job
    }

    fn plan(tenant: &Tenant, job: &Job, cycle: Cycle) -> (Vec<Step>, Vec<Step>, Vec<Membership>) {
        (
            users(tenant, job, cycle, Mapping::default()),
            groups(tenant, job, cycle, Mapping::default()),
            members(tenant, job, cycle),
        )
    }

    #[test]
    fn a_first_cycle_matches_all_but_the_disabled() {
        let (users, groups, members) = plan(&tenant(), &Job::default(), Cycle::Initial);
        assert_eq!((users.len(), groups.len(), members.len()), (1, 2, 0));
        assert!(
            matches!(&users[0], Step::Match { wanted, .. } if wanted["userName"] == "mara.lind@contoso.test")
        );
    }

    #[test]
    fn when_nothing_changed_nothing_is_sent() {
        let tenant = tenant();
        assert_eq!(plan(&tenant, &settled(&tenant), Cycle::Incremental), (vec![], vec![], vec![]));
    }

    #[test]
    fn an_initial_cycle_over_a_settled_job_sends_memberships_again() {
        let tenant = tenant();
        let (users, groups, members) = plan(&tenant, &settled(&tenant), Cycle::Initial);
        assert_eq!((users.len(), groups.len()), (1, 2));
        assert_eq!(members[0].add, [MARA.parse().unwrap()].into());
    }

    #[test]
    fn disabled_and_removed_users_become_inactive() {
        for soft_deleted in [false, true] {
            let mut tenant = tenant();
            let job = settled(&tenant);
            let mara = tenant.user_mut(MARA).unwrap();
            mara.enabled = soft_deleted;
            mara.deleted = soft_deleted;
            let (users, _, members) = plan(&tenant, &job, Cycle::Incremental);
            assert!(matches!(&users[..], [Step::Update { wanted, .. }] if wanted["active"] == false));
            assert!(members.is_empty(), "memberships outlive the pause");
        }
    }

    #[test]
    fn a_re_enabled_user_is_matched_first() {
        let tenant = tenant();
        let mut job = settled(&tenant);
        job.users.get_mut(&MARA.parse().unwrap()).unwrap().sent.insert("active".to_owned(), json!(false));
        let (users, ..) = plan(&tenant, &job, Cycle::Incremental);
        assert!(matches!(&users[..], [Step::Match { wanted, .. }] if wanted["active"] == true));
    }

    #[test]
    fn what_has_gone_for_ever_is_deleted_once_and_named_in_no_membership() {
        let mut tenant = tenant();
        let mut job = settled(&tenant);
        tenant.remove_user(MARA, true).unwrap();
        tenant.remove_group("nested").unwrap();
        let (users, groups, _) = plan(&tenant, &job, Cycle::Incremental);
        assert!(matches!(&users[..], [Step::Delete { id, .. }] if id == "u-mara.lind@contoso.test"));
        assert!(matches!(&groups[..], [Step::Delete { id, .. }] if id == "g-nested"));
        job.users.clear();
        assert!(members(&tenant, &job, Cycle::Incremental).is_empty());
    }

    #[test]
    fn leaving_a_group_is_one_removal_and_nested_groups_are_no_members() {
        let mut tenant = tenant();
        let job = settled(&tenant);
        tenant.groups[0].members.remove(&MARA.parse().unwrap());
        let (users, groups, members) = plan(&tenant, &job, Cycle::Incremental);
        assert!(users.is_empty() && groups.is_empty());
        assert_eq!(members.len(), 1);
        assert!(members[0].add.is_empty());
        assert_eq!(members[0].remove, [MARA.parse().unwrap()].into());
    }

    #[test]
    fn a_renamed_group_is_updated() {
        let mut tenant = tenant();
        let job = settled(&tenant);
        tenant.groups[0].name = "sre-root".to_owned();
        let (_, groups, members) = plan(&tenant, &job, Cycle::Incremental);
        assert!(matches!(&groups[..], [Step::Update { wanted, .. }] if wanted["displayName"] == "sre-root"));
        assert!(members.is_empty());
    }
}
