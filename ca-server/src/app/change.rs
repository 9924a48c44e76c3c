use std::sync::Arc;

use jiff::Timestamp;
use sallyport_audit::{Event, EventName};
use sallyport_domain::{HostState, RequestId, ResourceId, Tags};
use sallyport_store::{GrantRow, ReadTx, StoreError, WriteTx};

use super::App;
use super::naming::{self, Moved, Naming};

/// One write in progress: when, for which request, and whom it concerns besides its own rows.
///
/// At its end, in the same transaction, every host that the change concerns gets a new generation: there is no moment
/// at which the directory says one thing and the hosts' next snapshot another.
#[derive(Debug)]
pub struct Change {
    pub now: Timestamp,
    pub request: RequestId,
    /// How people are named.
    pub naming: Arc<Naming>,
    /// Names and numbers for which somebody else may have waited.
    pub moved: Moved,
    /// Hosts that satisfy one of these are concerned.
    selectors: Vec<Tags>,
    /// The revocation list moved: every host is concerned.
    everyone: bool,
    /// Somebody who waits must look again, though no generation moved.
    wake: bool,
    /// Somebody who may be on hosts is to be there no more.
    lost: bool,
}

impl Change {
    /// An event of this change, for the chain.
    pub fn event(&self, name: EventName) -> Event {
        Event::new(name, self.now).of_request(self.request)
    }

    /// When something is modified that was modified then: a version of a resource is never two, also when two writes
    /// share a millisecond or the clock was set back.
    pub fn after(&self, modified_at: Timestamp) -> Timestamp {
        let next = modified_at.checked_add(jiff::SignedDuration::from_micros(1)).unwrap_or(Timestamp::MAX);
        self.now.max(next)
    }

    /// Every host that one of these reaches.
    pub fn touch_grants(&mut self, grants: &[GrantRow]) {
        for grant in grants {
            self.touch_tags(&grant.tags);
        }
    }

    /// Every host that the groups of the resource reach, as things stand now.
    pub fn touch_groups_of(&mut self, tx: &dyn WriteTx, resource: ResourceId) -> Result<(), StoreError> {
        self.touch_grants(&tx.grants_reaching(resource)?);
        Ok(())
    }

    pub fn touch_tags(&mut self, tags: &Tags) {
        // Thousands of members of one group are one selector.
        if !self.selectors.contains(tags) {
            self.selectors.push(tags.clone());
        }
    }

    /// Takes back what these reach: whoever calls this sees to it that they are told before long. Not where somebody
    /// loses access.
    pub fn put_off(&mut self, grants: &[GrantRow]) {
        if !self.lost {
            self.selectors.retain(|selector| !grants.iter().any(|grant| grant.tags == *selector));
        }
    }

    /// Somebody who may be on hosts is to be there no more: nothing of this change is put off.
    pub fn lost(&mut self) {
        self.lost = true;
    }

    /// The revocation list is another one now.
    pub fn revoked(&mut self) {
        self.everyone = true;
    }

    pub fn wake(&mut self) {
        self.wake = true;
    }

    /// Gives the concerned hosts their new generation; whether there are any.
    fn settle(&self, tx: &mut dyn WriteTx) -> Result<bool, StoreError> {
        if self.everyone {
            tx.set_krl_number(tx.krl_number()?.next(self.now))?;
        }
        if self.selectors.is_empty() && !self.everyone {
            return Ok(self.wake);
        }
        let concerned =
            |tags: &Tags| self.everyone || self.selectors.iter().any(|selector| tags.satisfy(selector));
        let mut moved = self.wake;
        for host in tx.hosts()? {
            if host.state != HostState::Retired && concerned(&host.tags) {
                tx.set_generation(host.id, host.generation.next(self.now))?;
                moved = true;
            }
        }
        Ok(moved)
    }
}

impl App {
    /// Runs `work` as one change. Hosts that it concerns are awake before this returns.
    pub async fn change<T, E, F>(&self, request: RequestId, now: Timestamp, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut dyn WriteTx, &mut Change) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let whole = self.whole(request, now, work);
        let (value, moved) = self.store().write(whole).await?;
        self.follow_up(moved);
        Ok(value)
    }

    /// The same for work that decides first and writes then: see [`sallyport_store::Store::write_firm`].
    pub async fn change_firm<T, E, F>(&self, request: RequestId, now: Timestamp, work: F) -> Result<T, E>
    where
        F: FnOnce(&mut dyn WriteTx, &mut Change) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let whole = self.whole(request, now, work);
        let (value, moved) = self.store().write_firm(whole).await?;
        self.follow_up(moved);
        Ok(value)
    }

    /// The work, and what every change ends with; whether hosts have something new to hear.
    fn whole<T, E, F>(
        &self,
        request: RequestId,
        now: Timestamp,
        work: F,
    ) -> impl FnOnce(&mut dyn WriteTx) -> Result<(T, bool), E> + Send + use<T, E, F>
    where
        F: FnOnce(&mut dyn WriteTx, &mut Change) -> Result<T, E> + Send + 'static,
        E: From<StoreError>,
    {
        let naming = Arc::clone(self.naming());
        move |tx| {
            let mut change = Change {
                now,
                request,
                naming,
                moved: Moved::default(),
                selectors: Vec::new(),
                everyone: false,
                wake: false,
                lost: false,
            };
            let value = work(tx, &mut change)?;
            let waiting = naming::judge_again(tx, &mut change)?;
            let moved = change.settle(tx)?;
            // In here, since whoever asked may be gone by the commit. Should that fail, they are judged for nothing.
            change.naming.waiting().later(waiting);
            Ok((value, moved))
        }
    }

    fn follow_up(&self, moved: bool) {
        if moved {
            self.0.moved.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

/// Whether some grant reaches the resource through one of its groups.
pub fn is_granted(tx: &(impl ReadTx + ?Sized), resource: ResourceId) -> Result<bool, StoreError> {
    Ok(!tx.grants_reaching(resource)?.is_empty())
}
