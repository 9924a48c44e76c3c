//! What one host must have, now or as soon as it changes.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sallyport_domain::{Generation, GroupId, HostState, Principal};
use sallyport_policy::{Access, Grant, Resident, host_access};
use sallyport_protocol::{Account, Content, Lease, Namespace, SnapshotHeader, SnapshotReply, sha256_hex};
use sallyport_store::{HostRow, PersonRow, ReadTx, StoreError};

use super::issue_user::person::policy_grant;
use super::naming::adopted_here;
use super::{App, AppError, AuthenticatedHost, Refusal, posix_groups, scope};

/// Longest wait of one poll, in seconds: under what proxies cut off.
const LONGEST_WAIT: u64 = 60;

impl App {
    /// The snapshot, when the host's generation is newer than `after`; else the lease, after waiting up to `wait`
    /// seconds for something newer.
    pub async fn snapshot(
        &self,
        from: AuthenticatedHost,
        after: Generation,
        wait: u64,
    ) -> Result<SnapshotReply, AppError> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(wait.min(LONGEST_WAIT));
        // Subscribed before the first look: a change between look and wait is not missed.
        let mut moved = self.0.moved.subscribe();
        loop {
            moved.mark_unchanged();
            let host = self.current(&from).await?;
            if host.generation != after {
                return self.seal_snapshot(host).await;
            }
            if tokio::time::timeout_at(deadline, moved.changed()).await.is_err() {
                return self.seal_lease(&from, after);
            }
        }
    }

    async fn current(&self, from: &AuthenticatedHost) -> Result<HostRow, AppError> {
        let id = from.host.id;
        let host = self.store().read(move |tx| Ok::<_, AppError>(tx.host(id)?)).await?;
        host.filter(|host| host.state != HostState::Retired).ok_or_else(|| {
            let detail = "this machine is not enrolled here any more; run: sallyport-host enroll";
            Refusal::new(sallyport_protocol::ProblemCode::Unauthorized, detail).into()
        })
    }

    async fn seal_snapshot(&self, host: HostRow) -> Result<SnapshotReply, AppError> {
        let now = self.now();
        let (id, guests) = (host.id, self.config().login.guests);
        let (host, mut content, number) = self
            .store()
            .read(move |tx| {
                // Read again, so that content and generation are of one state.
                let host = tx.host(id)?.unwrap_or(host);
                let content = people_and_groups(tx, &host, guests)?;
                Ok::<_, AppError>((host, content, tx.krl_number()?))
            })
            .await?;
        content.user_ca_keys = vec![self.user_ca_line()?];
        content.krl = STANDARD.encode(self.revocation_list(number).await?);
        content.uid_ranges.clone_from(&self.naming().config().uid_ranges);
        let counts = content.counts();
        let content =
            serde_json::to_string(&content).map_err(|error| AppError::internal("a snapshot", error))?;
        let header = SnapshotHeader {
            host: host.id,
            generation: host.generation,
            issued_at: now,
            lease_until: self.lease_until(now)?,
            counts,
            content_sha256: sha256_hex(content.as_bytes()),
        };
        let snapshot = self
            .keys()
            .seal(&header, Namespace::Snapshot)
            .map_err(|error| AppError::internal("signing", error))?;
        Ok(SnapshotReply::New { snapshot, content })
    }

    fn seal_lease(
        &self,
        from: &AuthenticatedHost,
        generation: Generation,
    ) -> Result<SnapshotReply, AppError> {
        let now = self.now();
        let lease = Lease {
            host: from.host.id,
            generation,
            nonce: from.nonce.clone(),
            issued_at: now,
            lease_until: self.lease_until(now)?,
        };
        let lease = self
            .keys()
            .seal(&lease, Namespace::Lease)
            .map_err(|error| AppError::internal("signing", error))?;
        Ok(SnapshotReply::Unchanged { lease })
    }

    fn lease_until(&self, now: Timestamp) -> Result<Timestamp, AppError> {
        now.checked_add(self.config().hosts.lease).map_err(|error| AppError::internal("the clock", error))
    }

    pub(super) fn user_ca_line(&self) -> Result<String, AppError> {
        let key = self.keys().user_ca.public().public_key();
        key.to_openssh().map_err(|error| AppError::internal("the user CA's key", error))
    }

    pub(super) fn host_ca_line(&self) -> Result<String, AppError> {
        let key = self.keys().host_ca.public().public_key();
        key.to_openssh().map_err(|error| AppError::internal("the host CA's key", error))
    }
}

/// Everybody whom the host lets in, with the local accounts that were given to them there, and the groups that the
/// host gets.
pub(super) fn people_and_groups(
    tx: &dyn ReadTx,
    host: &HostRow,
    guests: bool,
) -> Result<Content, StoreError> {
    let grants: Vec<Grant> =
        tx.grants()?.into_iter().map(policy_grant).filter(|grant| grant.reaches(&host.tags)).collect();
    let adoptions = tx.adoptions()?;
    let adopted = |access: Access| {
        let adopt = adopted_here(&adoptions, access.user, host);
        Account { adopt, ..account(access) }
    };
    Ok(Content {
        accounts: access(tx, host, &grants, guests)?.into_iter().map(adopted).collect(),
        posix_groups: posix_groups::of_grants(tx, grants.iter().map(|grant| &grant.posix_groups))?,
        ..Content::default()
    })
}

/// What the tables say of everybody whom some grant might let in; who of them may enter is policy's to say.
fn access(
    tx: &dyn ReadTx,
    host: &HostRow,
    grants: &[Grant],
    guests: bool,
) -> Result<Vec<Access>, StoreError> {
    let groups: BTreeSet<GroupId> = grants.iter().map(|grant| grant.group).collect();
    let (mut residents, insiders) = (Vec::new(), scope::Insiders::read(tx)?);
    let may_be_here = |person: &PersonRow| (guests || !person.guest) && insiders.has(person);
    for group in groups {
        let people = tx.people_in(group)?.into_iter().filter(may_be_here);
        residents.extend(people.filter_map(resident).map(|resident| (group, resident)));
    }
    Ok(host_access(&host.tags, grants, residents.iter().map(|(group, resident)| (*group, resident))))
}

/// `None` before a name and a uid are pinned.
fn resident(person: PersonRow) -> Option<Resident> {
    Some(Resident {
        user: person.id,
        state: person.state,
        name: person.posix_name?,
        uid: person.uid?,
        gid: person.gid.or(person.uid)?,
        label: person.user_name,
    })
}

fn account(access: Access) -> Account {
    Account {
        principals: vec![Principal::from(access.user)],
        name: access.name,
        uid: access.uid,
        user: access.user,
        label: access.label,
        sudo: access.sudo,
        gid: (access.gid != access.uid).then_some(access.gid),
        adopt: None,
        groups: access.posix_groups,
    }
}
