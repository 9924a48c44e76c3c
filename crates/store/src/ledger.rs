use jiff::Timestamp;
use sallyport_domain::{HostId, HostPattern, PosixName, Uid, UidRange, UserId};

use crate::StoreError;

/// What is known of a person's name besides the pinned one, which stands in [`crate::PersonRow`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LedgerRow {
    pub user: UserId,
    /// What the expression gives for the person now; `None` where that is no name for a person.
    pub proposed: Option<PosixName>,
    /// Since when `proposed` is what it is: of several who wait for a name, the first gets it. 1970 where that is older
    /// than this column.
    pub proposed_at: Timestamp,
    /// Why `proposed` is `None`.
    pub refusal: Option<String>,
    /// The proposal that an administrator turned down.
    pub kept: Option<PosixName>,
    /// Given by an administrator before the pin; then it counts, and no proposal.
    pub assigned: Option<PosixName>,
    /// `uidNumber` and `gidNumber`, as the directory sends them; possible or not.
    pub wanted_uid: Option<i64>,
    pub wanted_gid: Option<i64>,
}

impl LedgerRow {
    /// Of a person about whom nothing is known yet.
    #[must_use]
    pub const fn new(user: UserId) -> Self {
        Self {
            user,
            proposed: None,
            proposed_at: Timestamp::UNIX_EPOCH,
            refusal: None,
            kept: None,
            assigned: None,
            wanted_uid: None,
            wanted_gid: None,
        }
    }
}

/// A name that is or was somebody's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NameRow {
    pub name: PosixName,
    pub user: UserId,
    /// `None` for a name from before this was noted.
    pub since: Option<Timestamp>,
    /// When its holder got another; it stays reserved.
    pub until: Option<Timestamp>,
    /// The first of the two steps in which a name is freed.
    pub release_asked_at: Option<Timestamp>,
    /// From here on it may be somebody else's.
    pub freed_at: Option<Timestamp>,
}

/// The mapping expression in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExpressionRow {
    pub expression: String,
    pub applied_at: Timestamp,
}

/// A local account that an administrator gave to a person, on some hosts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AdoptionRow {
    pub user: UserId,
    /// The account's name on those hosts.
    pub local: PosixName,
    pub hosts: HostPattern,
    pub created_at: Timestamp,
}

/// The local names and ids of one host that are not ours.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ForeignRows {
    /// Sorted, each once; as are the ids.
    pub names: Vec<PosixName>,
    pub ids: Vec<Uid>,
}

pub trait Ledger {
    fn ledger(&self, user: UserId) -> Result<Option<LedgerRow>, StoreError>;
    /// Of everybody, in the order of their ids.
    fn ledgers(&self) -> Result<Vec<LedgerRow>, StoreError>;
    /// The row of a name that is or was somebody's and is not freed.
    fn name(&self, name: &PosixName) -> Result<Option<NameRow>, StoreError>;
    /// Every name that the person ever had, also the freed ones.
    fn names_of(&self, user: UserId) -> Result<Vec<NameRow>, StoreError>;
    /// Every name that was ever somebody's.
    fn names(&self) -> Result<Vec<NameRow>, StoreError>;
    /// To whom the name is proposed, in the order since when: `most` of them, after the row that was read last.
    fn proposed_to(
        &self,
        name: &PosixName,
        after: Option<&LedgerRow>,
        most: usize,
    ) -> Result<Vec<LedgerRow>, StoreError>;
    /// Whose uid or gid the number is or was.
    fn holder_of_id(&self, number: Uid) -> Result<Option<UserId>, StoreError>;
    /// Others for whom the directory wants this number, as uid or gid: `most` of them.
    fn wanting_id(&self, number: i64, but: UserId, most: usize) -> Result<Vec<UserId>, StoreError>;
    /// Numbers of the range, from one of them on, that no search gives: held, reported by hosts, or wanted for somebody.
    /// Sorted, each once.
    fn used_ids(&self, range: UidRange, from: u32) -> Result<Vec<u32>, StoreError>;
    /// Where the search for a free number of the range goes on; its first number before the first search.
    fn next_id(&self, range: UidRange) -> Result<u32, StoreError>;
    /// `None` before the first person.
    fn expression(&self) -> Result<Option<ExpressionRow>, StoreError>;
    /// Which hosts have a local account or group of that name that is not ours.
    fn hosts_with_name(&self, name: &PosixName) -> Result<Vec<HostId>, StoreError>;
    /// Which hosts have that number as a uid or gid that is not ours.
    fn hosts_with_id(&self, number: Uid) -> Result<Vec<HostId>, StoreError>;
    fn foreign_of(&self, host: HostId) -> Result<ForeignRows, StoreError>;
    fn adoptions(&self) -> Result<Vec<AdoptionRow>, StoreError>;
    fn adoptions_of(&self, user: UserId) -> Result<Vec<AdoptionRow>, StoreError>;
    /// Of the local accounts with that name.
    fn adoptions_called(&self, local: &PosixName) -> Result<Vec<AdoptionRow>, StoreError>;
}

pub trait LedgerMut {
    /// # Errors
    /// [`StoreError::Missing`] when there is no such person.
    fn put_ledger(&mut self, row: &LedgerRow) -> Result<(), StoreError>;
    /// What the expression gives for the person from now on, or why it gives nothing. The rest of the row stays.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such person.
    fn put_proposal(
        &mut self,
        user: UserId,
        proposal: Result<&PosixName, &str>,
        at: Timestamp,
    ) -> Result<(), StoreError>;
    /// Holds a name for a person who is not pinned yet; nothing changes when it is theirs already.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when it is or was another person's and is not freed, or a managed POSIX group's.
    fn claim_name(&mut self, user: UserId, name: &PosixName, at: Timestamp) -> Result<(), StoreError>;
    /// Name, uid and gid become the person's for ever.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when one of them is or was somebody else's, or a group's; [`StoreError::Pinned`] when the person has
    /// another name, uid or gid already.
    fn pin(
        &mut self,
        user: UserId,
        name: &PosixName,
        uid: Uid,
        gid: Uid,
        at: Timestamp,
    ) -> Result<(), StoreError>;
    /// Another name for a pinned person. The old one stays reserved; it is theirs to come back to.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the name is or was another person's; [`StoreError::Missing`] when the person has no
    /// name to begin with.
    fn rename(&mut self, user: UserId, name: &PosixName, at: Timestamp) -> Result<(), StoreError>;
    /// The first step of freeing a name.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when nobody has or had it.
    fn ask_release(&mut self, name: &PosixName, at: Timestamp) -> Result<(), StoreError>;
    /// The second step: a name that nobody uses may be somebody else's. Numbers are never freed.
    ///
    /// # Errors
    /// [`StoreError::Pinned`] when the first step was not made, or when somebody who is not gone has the name;
    /// [`StoreError::Missing`] when nobody has or had it.
    fn free_name(&mut self, name: &PosixName, at: Timestamp) -> Result<(), StoreError>;
    fn set_next_id(&mut self, range: UidRange, next: u32) -> Result<(), StoreError>;
    fn set_expression(&mut self, row: &ExpressionRow) -> Result<(), StoreError>;
    /// Replaces what the host reported before. Whether anything changed.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is no such host.
    fn put_foreign(&mut self, host: HostId, rows: &ForeignRows) -> Result<bool, StoreError>;
    /// # Errors
    /// [`StoreError::Missing`] when there is no such person.
    fn put_adoption(&mut self, row: &AdoptionRow) -> Result<(), StoreError>;
    /// Whether it was there.
    fn remove_adoption(
        &mut self,
        user: UserId,
        local: &PosixName,
        hosts: &HostPattern,
    ) -> Result<bool, StoreError>;
}
