//! Numbers that nobody has, and never had.

use sallyport_domain::{Uid, UidRange, UserId};
use sallyport_store::{StoreError, WriteTx};

/// The next free number of the ranges, in their order; `None` when all were handed out.
pub fn next_uid(tx: &mut dyn WriteTx, ranges: &[UidRange], user: UserId) -> Result<Option<Uid>, StoreError> {
    next(
        tx,
        ranges,
        |tx, uid| Ok(is_free(tx, uid)? && tx.wanting_id(uid.value().into(), user, 1)?.is_empty()),
    )
}

/// As [`next_uid`], for a group: out of the same ranges.
pub fn next_gid(tx: &mut dyn WriteTx, ranges: &[UidRange]) -> Result<Option<Uid>, StoreError> {
    next(tx, ranges, |tx, gid| Ok(is_free(tx, gid)? && !tx.is_wanted_id(gid)?))
}

/// The search goes on where the last one ended: no number is looked at twice, so a write never scans.
fn next(
    tx: &mut dyn WriteTx,
    ranges: &[UidRange],
    suits: impl Fn(&mut dyn WriteTx, Uid) -> Result<bool, StoreError>,
) -> Result<Option<Uid>, StoreError> {
    for range in ranges {
        let mut number = tx.next_id(*range)?;
        let mut found = None;
        while found.is_none() && range.contains(number) {
            let free = Uid::try_from(number).ok();
            found = match free {
                Some(uid) if suits(tx, uid)? => Some(uid),
                _ => None,
            };
            number += 1;
        }
        tx.set_next_id(*range, number)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn is_free(tx: &mut dyn WriteTx, number: Uid) -> Result<bool, StoreError> {
    Ok(tx.holder_of_id(number)?.is_none()
        && tx.posix_group_of_id(number)?.is_none()
        && tx.hosts_with_id(number)?.is_empty())
}
