use std::collections::BTreeSet;

use sallyport_domain::{Extension, GrantId, GroupId, PosixGroups, Tags};

/// A group may enter the hosts that bear every one of the tags.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    pub id: GrantId,
    pub group: GroupId,
    pub tags: Tags,
    pub sudo: bool,
    /// What its people are in on those hosts.
    pub posix_groups: PosixGroups,
    /// What certificates of the group have beyond [`Extension::DEFAULT`].
    pub extensions: BTreeSet<Extension>,
}

impl Grant {
    /// Whether a host with `tags` is meant.
    #[must_use]
    pub fn reaches(&self, tags: &Tags) -> bool {
        self.names_hosts() && tags.satisfy(&self.tags)
    }

    /// A grant without tags names no host: it is a mistake, not *every host*.
    pub(crate) fn names_hosts(&self) -> bool {
        !self.tags.is_empty()
    }
}
